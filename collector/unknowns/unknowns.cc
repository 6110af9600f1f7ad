#include "collector/unknowns/unknowns.h"

#include <algorithm>
#include <utility>

#include "core/catalog/rule_pack.h"

namespace gnomon {
namespace {

Counter& answers(Counters& counters, std::string_view outcome) {
  return counters.counter("unknowns_answers_total",
                          "Answers of agents about tokens of unknown domains, by what they held",
                          {{"outcome", outcome}});
}

}  // namespace

Unknowns::Unknowns(Parts parts, UnknownsOptions options)
    : parts_(std::move(parts)),
      options_(options),
      book_(parts_.store, parts_.clock),
      asked_(parts_.counters.counter("unknowns_asked_total",
                                     "Questions to agents about tokens of unknown domains")),
      told_(answers(parts_.counters, "told")),
      refused_(answers(parts_.counters, "not-told")),
      implausible_(answers(parts_.counters, "implausible")),
      pending_gauge_(parts_.counters.gauge(
          "unknowns_pending", "Tokens that enough devices hold and none has settled")) {}

wire::UnknownsPolicy Unknowns::policy() const {
  return {options_.enabled, epoch_at(parts_.clock.wall())};
}

void Unknowns::touched(const std::vector<TokenId>& tokens) {
  const std::lock_guard lock{mutex_};
  touched_.insert(tokens.begin(), tokens.end());
}

Result<bool, IoError> Unknowns::check() {
  if (!options_.enabled) {
    return false;
  }
  const std::lock_guard one_at_a_time{checking_};
  // Agents answer for the present epoch only.
  const std::uint32_t epoch = epoch_at(parts_.clock.wall());
  std::set<TokenId> wanted;
  bool all = false;
  {
    const std::lock_guard lock{mutex_};
    all = !std::exchange(looked_, true);
    wanted = std::exchange(touched_, {});
  }
  auto news = look(epoch, all ? nullptr : &wanted);
  if (!news) {
    // Looked at again the next time, all of them if need be.
    const std::lock_guard lock{mutex_};
    looked_ = looked_ && !all;
    touched_.insert(wanted.begin(), wanted.end());
  }
  return news;
}

// look counts the devices of the wanted tokens, or of all of the epoch when none are named.
Result<bool, IoError> Unknowns::look(std::uint32_t epoch, const std::set<TokenId>* wanted) {
  if (wanted == nullptr) {
    if (auto loaded = load_settled(); !loaded) {
      return Failure{loaded.error()};
    }
  }
  std::set<std::string> not_counted;
  if (parts_.not_counted) {
    auto read = parts_.not_counted();
    if (!read) {
      return Failure{read.error()};
    }
    not_counted = std::move(*read);
  }
  std::map<TokenId, Tally> tallies;
  const auto visit = [&](const TokenId& token, std::string_view device, const TokenDevice& total) {
    std::string name{device};
    if (!not_counted.contains(name)) {
      Tally& tally = tallies[token];
      tally.days.insert({total.first_day, total.last_day});
      tally.holders.insert(std::move(name));
    }
    return true;
  };
  const auto snapshot = parts_.source.snapshot();
  Result<Ok, IoError> read{Ok{}};
  if (wanted == nullptr) {
    read = snapshot->tokens(epoch, visit);
  } else {
    for (const TokenId& token : *wanted) {
      if (read && token.epoch == epoch) {
        read = snapshot->token(token, visit);
      }
    }
  }
  if (!read) {
    return Failure{read.error()};
  }
  bool news = false;
  for (auto& [token, tally] : tallies) {
    auto added = consider(token, std::move(tally));
    if (!added) {
      return added;
    }
    news |= *added;
  }
  return news;
}

Result<Ok, IoError> Unknowns::load_settled() {
  const auto record = book_.record();
  if (!record) {
    return Failure{record.error()};
  }
  const std::lock_guard lock{mutex_};
  for (const RevealRecord& one : *record) {
    if (one.outcome != RevealOutcome::asked) {
      settled_.insert(one.token);
    }
  }
  return Ok{};
}

// consider begins to ask about a token that enough devices hold; true when that is new.
Result<bool, IoError> Unknowns::consider(const TokenId& token, Tally tally) {
  if (tally.holders.size() < options_.min_devices || tally.days.size() < options_.min_days) {
    return false;
  }
  RevealRecord record;
  record.outcome = RevealOutcome::asked;
  record.token = token;
  record.devices = static_cast<std::uint32_t>(tally.holders.size());
  record.days = static_cast<std::uint32_t>(tally.days.size());
  while (tally.holders.size() > kMaxHolders) {
    tally.holders.erase(tally.holders.begin());
  }
  {
    const std::lock_guard lock{mutex_};
    if (settled_.contains(token)) {
      return false;
    }
    if (const auto found = pending_.find(token); found != pending_.end()) {
      const bool more = tally.holders.size() > found->second.holders.size();
      found->second.holders = std::move(tally.holders);
      found->second.devices = record.devices;
      found->second.days = record.days;
      return more;
    }
    if (pending_.size() >= kMaxPending) {
      return false;
    }
  }
  // Written before the first agent hears of it: no question without a record.
  if (auto written = book_.write(record, options_.min_devices); !written) {
    return Failure{written.error()};
  }
  const std::lock_guard lock{mutex_};
  Pending& pending = pending_[token];
  pending.devices = record.devices;
  pending.days = record.days;
  pending.holders = std::move(tally.holders);
  pending_gauge_.set(static_cast<std::int64_t>(pending_.size()));
  return true;
}

std::optional<wire::RevealRequest> Unknowns::question(const std::string& agent) {
  wire::RevealRequest request;
  request.epoch = epoch_at(parts_.clock.wall());
  const std::lock_guard lock{mutex_};
  for (auto& [token, pending] : pending_) {
    const bool room = pending.asked.contains(agent) || pending.asked.size() < kMaxAsked;
    if (token.epoch != request.epoch || pending.given_up || !room ||
        !pending.holders.contains(agent) || pending.answers.contains(agent)) {
      continue;
    }
    pending.asked.insert(agent);
    request.tokens.push_back(token.token);
    if (request.tokens.size() >= wire::kMaxReveals) {
      break;
    }
  }
  if (request.tokens.empty()) {
    return std::nullopt;
  }
  asked_.add(request.tokens.size());
  return request;
}

void Unknowns::ask_again() {
  const std::lock_guard lock{mutex_};
  for (auto& [token, pending] : pending_) {
    pending.asked.clear();
  }
}

Result<bool, IoError> Unknowns::answered(const std::string& agent, const wire::RevealReply& reply) {
  struct Settled {
    TokenId token;
    Pending pending;
    Believed believed;
  };
  std::vector<Settled> settled;
  bool others = false;
  {
    const std::lock_guard lock{mutex_};
    for (const wire::RevealAnswer& answer : reply.answers) {
      const TokenId token{reply.epoch, answer.token};
      const auto found = pending_.find(token);
      if (found == pending_.end() || found->second.asked.erase(agent) == 0) {
        continue;
      }
      Pending& pending = found->second;
      const bool plausible = answer.domain.empty() || is_plausible(answer.domain);
      (answer.domain.empty() ? refused_ : plausible ? told_ : implausible_).add();
      pending.answers[agent] = plausible ? answer.domain : std::string{};
      const Believed believed = weigh(pending);
      if (!believed.domain.empty() || believed.told >= kMaxAnswers) {
        settled.push_back({token, pending, believed});
        pending.given_up = true;  // nobody else needs to be asked
      } else {
        others = true;
      }
    }
  }
  for (const Settled& one : settled) {
    const RevealOutcome outcome = one.believed.domain.empty()     ? RevealOutcome::disputed
                                  : is_known(one.believed.domain) ? RevealOutcome::known
                                                                  : RevealOutcome::revealed;
    if (auto written = settle(one.token, one.pending, one.believed, outcome); !written) {
      const std::lock_guard lock{mutex_};
      if (const auto found = pending_.find(one.token); found != pending_.end()) {
        found->second.given_up = false;
        found->second.answers.erase(agent);
      }
      return Failure{written.error()};
    }
  }
  return others || !settled.empty();
}

Unknowns::Believed Unknowns::weigh(const Pending& pending) const {
  std::map<std::string_view, std::uint32_t> votes;
  Believed believed;
  for (const auto& [agent, domain] : pending.answers) {
    if (!domain.empty()) {
      ++believed.told;
      ++votes[domain];
    }
  }
  for (const auto& [domain, count] : votes) {
    if (count >= options_.min_agree && 2 * count > believed.told) {
      believed.domain = domain;
      believed.agreed = count;
    }
  }
  return believed;
}

Result<Ok, IoError> Unknowns::settle(const TokenId& token, const Pending& pending,
                                     const Believed& believed, RevealOutcome outcome) {
  RevealRecord record;
  record.outcome = outcome;
  record.token = token;
  record.domain = believed.domain;
  record.devices = pending.devices;
  record.days = pending.days;
  record.told = believed.told;
  record.agreed = believed.agreed;
  if (auto written = book_.write(record, options_.min_devices); !written) {
    return written;
  }
  const std::lock_guard lock{mutex_};
  settled_.insert(token);
  pending_.erase(token);
  pending_gauge_.set(static_cast<std::int64_t>(pending_.size()));
  return Ok{};
}

// is_plausible: an agent tells registrable domains, nothing below them.
bool Unknowns::is_plausible(const std::string& domain) const {
  const std::shared_ptr<const RulePack> pack = parts_.pack ? parts_.pack() : nullptr;
  return pack == nullptr ? domain.find('.') != std::string::npos
                         : pack->registrable_domain(domain) == domain;
}

bool Unknowns::is_known(const std::string& domain) const {
  const std::shared_ptr<const RulePack> pack = parts_.pack ? parts_.pack() : nullptr;
  return pack != nullptr && pack->match(domain).meaning != Meaning::unknown;
}

}  // namespace gnomon
