#include "agent/evidence/evidence.h"

#include <algorithm>
#include <array>

#include "agent/evidence/state_codec.h"
#include "core/check.h"

namespace gnomon {
namespace {

constexpr std::chrono::seconds kSettleAfter{6};
// From an identity provider's page back to the tool: nearly everybody is back by then.
constexpr std::chrono::seconds kProviderTakes{45};
constexpr std::uint32_t kScreenBrings = 3;
constexpr std::uint32_t kOutreachWeighs = 3;  // a tag manager alone is in many products too
constexpr std::size_t kMaxPending = 256;  // page loads of six seconds; who opens more is no person

// What tools of a category are for, by the pages that load them.
Brings brings_of_category(std::string_view category) {
  constexpr std::array<std::string_view, 10> kOutreach{"advertising-attribution",
                                                       "marketing-automation",
                                                       "email-marketing",
                                                       "loyalty-affiliate-reviews",
                                                       "tag-consent",
                                                       "sales-intelligence",
                                                       "social-media",
                                                       "crm",
                                                       "ecommerce",
                                                       "seo-content"};
  constexpr std::array<std::string_view, 7> kInner{
      "helpdesk",         "monitoring-incident",   "product-management",    "cdp-enrichment",
      "payments-billing", "web-product-analytics", "experimentation-replay"};
  const auto in = [category](const auto& list) {
    return std::find(list.begin(), list.end(), category) != list.end();
  };
  return in(kOutreach) ? Brings::outreach : in(kInner) ? Brings::inner : Brings::nothing;
}

// is_screen tells whether a page load was one of a product's screens, by what it brought.
bool is_screen(const Company& company) {
  return !company.form_sign && company.inner >= kScreenBrings &&
         company.inner > kOutreachWeighs * company.outreach;
}

bool nobody_asks_why(Role role) {
  return role == Role::embed || role == Role::link || role == Role::asset || role == Role::idp;
}

}  // namespace

EvidenceRoom::EvidenceRoom(std::shared_ptr<const RulePack> pack, EvidenceOptions options,
                           Counters& counters, ContactSink& sink)
    : pack_(std::move(pack)),
      options_(std::move(options)),
      model_(model_of(*pack_)),
      sink_(sink),
      matches_(counters.counter("evidence_matches_total", "Matches taken by the evidence room.")),
      unattributed_(counters.counter("evidence_unattributed_total",
                                     "Matches that no tool is credited with.")),
      contacts_(counters.counter("evidence_contacts_total", "Contacts made.")),
      states_forgotten_(counters.counter("evidence_states_forgotten_total",
                                         "User and tool pairs forgotten for want of room.")),
      blind_encrypted_dns_(counters.counter(
          "evidence_blind_total", "Contacts that show a blind spot.", {{"kind", "encrypted-dns"}})),
      blind_ech_(counters.counter("evidence_blind_total", {}, {{"kind", "ech"}})),
      blind_relay_(counters.counter("evidence_blind_total", {}, {{"kind", "relay"}})),
      bursts_(model_),
      sequences_(pack_),
      windows_(options_.windows) {
  read_pack();
}

void EvidenceRoom::read_pack() {
  tools_.clear();
  for (ToolIndex i = 0; i < pack_->tool_count(); ++i) {
    const ToolView tool = pack_->tool(i);
    const auto message = [](std::string_view job) {
      return job == "mail-and-calendar" || job == "team-chat" || job == "community-chat";
    };
    tools_.push_back({tool.id, tool.family,
                      std::any_of(tool.jobs.begin(), tool.jobs.end(), message),
                      brings_of_category(tool.category)});
  }
  // What an advertiser's tools share (Google's tag manager) is loaded for outreach too.
  for (std::size_t i = 0; i < tools_.size(); ++i) {
    if (tools_[i].family && tools_[i].brings == Brings::outreach) {
      tools_[*tools_[i].family].brings = Brings::outreach;
    }
  }
}

void EvidenceRoom::set_pack(std::shared_ptr<const RulePack> pack) {
  pack_ = std::move(pack);
  model_ = model_of(*pack_);
  bursts_.set_model(model_);
  sequences_.set_pack(pack_);
  read_pack();
}

ToolState& EvidenceRoom::state_of(const StateKey& key) {
  const auto found = states_.find(key);
  if (found != states_.end()) {
    return found->second;
  }
  if (states_.size() >= options_.max_states) {
    const auto oldest = std::min_element(
        states_.begin(), states_.end(),
        [](const auto& a, const auto& b) { return a.second.last() < b.second.last(); });
    states_.erase(oldest);
    states_forgotten_.add();
  }
  return states_[key];
}

void EvidenceRoom::set_known_before(const std::vector<std::string>& tools) {
  known_before_ = {tools.begin(), tools.end()};
}

BurstView EvidenceRoom::add(const Match& match) {
  matches_.add();
  const WallTime when = match.sighting.when;
  if (!learning_until_) {
    learning_until_ = when + options_.learning;
  }
  advance(when);

  const std::string user =
      options_.user_name ? options_.user_name(match.sighting.process) : std::string{};
  const BurstView burst = place(match, user);
  const bool family = match.meaning == Meaning::family;
  sign_ins_.note(user, match, burst, family ? tools_.at(match.tool).id : std::string_view{},
                 model_);
  follow_hidden(match, user, burst);
  count_blind_spots(match);
  if (match.meaning == Meaning::tool) {
    add_tool(match, user, burst);
  } else {
    unattributed_.add();
    if (family) {
      follow_sequences(match, user);
    }
  }
  return burst;
}

Brings EvidenceRoom::brings_of(const Match& match) const {
  if (match.meaning == Meaning::consent) {
    return Brings::outreach;
  }
  const bool attributed = match.meaning == Meaning::tool || match.meaning == Meaning::family;
  return attributed && match.role == Role::embed ? tools_.at(match.tool).brings : Brings::nothing;
}

// expect_screen asks again, once the page load is over, whether it was one of the product's
// screens.
void EvidenceRoom::expect_screen(const StateKey& key, std::uint32_t burst, WallTime when) {
  const bool asked = std::any_of(pending_.begin(), pending_.end(), [&](const Pending& pending) {
    return pending.page && pending.burst == burst && pending.key == key;
  });
  if (!asked && pending_.size() < kMaxPending) {
    pending_.push_back({key, key.first, burst, when + kSettleAfter, when, std::nullopt});
  }
}

// follow_hidden tells a tool what most likely happened on its pages, though no host of it shows: a
// provider was opened straight from them, or another page over a connection that was still open.
void EvidenceRoom::follow_hidden(const Match& match, const std::string& user, BurstView burst) {
  const bool provider = match.is(Meaning::idp) && burst.led_by == LedBy::unclear;
  if (!burst.after || (!provider && !burst.hidden_page)) {
    return;
  }
  const ToolFacts& tool = tools_.at(*burst.after);
  const auto state = states_.find(StateKey{user, std::string{tool.id}});
  if (state == states_.end()) {
    return;
  }
  if (provider) {
    // Nobody has an account yet: what comes back is waited for, and only then it is concluded.
    if (pending_.size() < kMaxPending) {
      pending_.push_back({state->first, user, burst.number, match.sighting.when + kProviderTakes,
                          std::nullopt, match.sighting.when});
    }
    return;
  }
  const SignIn sign_in = before_of(user, *burst.after);
  const Verdict before = state->second.verdict(model_, match.sighting.when);
  state->second.page_hidden(match.sighting.when, burst.number, sign_in, model_);
  expect_screen(state->first, burst.number, match.sighting.when);
  if (state->second.verdict(model_, match.sighting.when).stage != before.stage) {
    windows_.hasten(std::string{tool.id}, user, match.sighting.when);
  }
}

BurstView EvidenceRoom::place(const Match& match, const std::string& user) {
  if (match.sighting.source == Source::dns) {
    return {};
  }
  if (match.meaning != Meaning::tool) {
    return bursts_.add(user, match, std::nullopt, false, brings_of(match));
  }
  const ToolFacts& tool = tools_.at(match.tool);
  return bursts_.add(user, match, tool.family, tool.message, brings_of(match));
}

void EvidenceRoom::count_blind_spots(const Match& match) {
  if (match.sighting.source != Source::dns) {
    blind_encrypted_dns_.add(match.is(Meaning::encrypted_dns) ? 1 : 0);
    blind_ech_.add(match.is(Meaning::ech_public_name) ? 1 : 0);
    blind_relay_.add(match.is(Meaning::relay) ? 1 : 0);
  }
}

SignIn EvidenceRoom::before_of(const std::string& user, ToolIndex tool) const {
  SignIn sign_in = sign_ins_.before(user, tool, family_id(tools_.at(tool).family));
  for (FormSign& sign : sign_in.form_signs) {
    // A public page may carry a provider's button too; a form does not advertise.
    if (sign.burst != 0 && bursts_.company(user, sign.burst).outreach > 0) {
      sign = {};
    }
  }
  return sign_in;
}

std::string_view EvidenceRoom::family_id(std::optional<ToolIndex> family) const {
  return family ? tools_.at(*family).id : std::string_view{};
}

Step EvidenceRoom::step_of(const Match& match, BurstView burst) const {
  Step step;
  step.when = match.sighting.when;
  step.source = match.sighting.source;
  step.role = match.role;
  step.audience = match.audience;
  step.confidence = match.confidence;
  step.weight = match.weight;
  step.shared_with_site = match.shares(Role::site);
  step.shared_with_signup = match.shares(Role::signup);
  step.shared_with_embed = match.shares(Role::embed);
  step.shared_with_api = match.shares(Role::api);
  step.behind_site = burst.behind_site;
  step.behind_shared = burst.behind_shared;
  step.entry = burst.entry;
  step.burst = burst.number;
  step.run_begin = burst.run_begin;
  step.led_by = burst.led_by;
  step.repeat = burst.repeat;
  step.maker = maker_of(match.sighting);
  step.host = match.sighting.host;
  step.tenant = match.tenant;
  step.mail_click = is_mail_click(match);
  step.by_alias = match.by_alias;
  step.tenant_owner = match.owner;
  return step;
}

void EvidenceRoom::add_tool(const Match& match, const std::string& user, BurstView burst) {
  const Sighting& sighting = match.sighting;
  const ToolFacts& tool = tools_.at(match.tool);
  const StateKey key{user, std::string{tool.id}};
  ToolState& state = state_of(key);
  const Verdict before = state.verdict(model_, sighting.when);
  const bool learning =
      (learning_until_ && sighting.when < *learning_until_) || known_before_.contains(tool.id);
  const bool was_pending = state.pending();
  state.add(step_of(match, burst), before_of(user, match.tool), model_, learning);
  if (state.pending() && !was_pending && pending_.size() < kMaxPending) {
    pending_.push_back(
        {key, user, burst.number, sighting.when + kSettleAfter, std::nullopt, std::nullopt});
  }
  if (match.role == Role::app && burst.led_by == LedBy::itself && sighting.source != Source::dns) {
    expect_screen(key, burst.number, sighting.when);
  }
  follow_sequences(match, user);

  Contact& contact =
      windows_.add(WindowKey{key.second, match.tenant, user, sighting.process.program, match.role},
                   sighting.when, sighting.source);
  if (contact.audience == Audience::unknown) {
    contact.audience = match.audience;
  }
  contact.pack_version = pack_->version();
  const Verdict after = state.verdict(model_, sighting.when);
  if (after.stage != before.stage) {
    windows_.hasten(key.second, user, sighting.when);
  }
}

void EvidenceRoom::follow_sequences(const Match& match, const std::string& user) {
  if (match.sighting.source == Source::dns) {
    return;
  }
  for (const Sequences::Done& done : sequences_.add(user, match)) {
    const auto state = states_.find(StateKey{user, std::string{done.tool}});
    if (state != states_.end()) {
      state->second.sequence_done(match.sighting.when, done.id);
    }
  }
}

void EvidenceRoom::settle_pending(WallTime now) {
  for (std::size_t i = 0; i < pending_.size();) {
    if (pending_[i].due > now) {
      ++i;
      continue;
    }
    const Pending due = pending_[i];
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
    const auto state = states_.find(due.key);
    if (state == states_.end()) {
      continue;
    }
    const Verdict before = state->second.verdict(model_, now);
    const Company company = bursts_.company(due.user, due.burst);
    if (due.provider) {
      const auto tool = pack_->find_tool(due.key.second);
      state->second.provider_opened(*due.provider, due.burst,
                                    tool ? before_of(due.user, *tool) : SignIn{}, model_);
    } else if (!due.page) {
      state->second.settle(company, model_);
    } else if (is_screen(company)) {
      const auto tool = pack_->find_tool(due.key.second);
      state->second.screen_opened(*due.page, due.burst,
                                  tool ? before_of(due.user, *tool) : SignIn{}, model_);
    }
    if (state->second.verdict(model_, now).stage != before.stage) {
      windows_.hasten(due.key.second, due.user, due.due);
    }
  }
}

void EvidenceRoom::advance(WallTime now) {
  now_ = std::max(now_, now);
  settle_pending(now_);
  if (windows_.next_due() <= now_) {
    emit(windows_.close(now_));
  }
}

void EvidenceRoom::finish() {
  settle_pending(WallTime::max());
  emit(windows_.close_all());
}

void EvidenceRoom::emit(std::vector<Contact> contacts) {
  for (Contact& contact : contacts) {
    const auto state = states_.find(StateKey{contact.user, contact.tool});
    if (state != states_.end()) {
      const Verdict verdict = state->second.verdict(model_, contact.last);
      contact.stage = verdict.stage;
      contact.confidence = verdict.confidence;
      // Embeds are many and explain themselves; their reasons would be most of what is sent.
      if (!nobody_asks_why(contact.role)) {
        contact.evidence = state->second.evidence();
      }
    }
    contacts_.add();
    sink_.on_contact(std::move(contact));
  }
}

std::vector<Judgement> EvidenceRoom::judgements() const {
  std::vector<Judgement> all;
  all.reserve(states_.size());
  for (const auto& [key, state] : states_) {
    Judgement judgement;
    judgement.user = key.first;
    judgement.tool = key.second;
    judgement.verdict = state.verdict(model_, now_);
    judgement.signup_probability = state.probability_of_signup(model_);
    judgement.features = state.features(model_);
    judgement.by_role = state.by_role();
    judgement.tenants = state.tenants();
    judgement.first = state.first();
    judgement.last = state.last();
    judgement.evidence = state.evidence();
    all.push_back(std::move(judgement));
  }
  return all;
}

std::vector<std::uint8_t> EvidenceRoom::save() const {
  return StateCodec::encode(states_, learning_until_);
}

Result<Ok, StateFault> EvidenceRoom::load(Bytes bytes) {
  auto decoded = StateCodec::decode(bytes);
  if (!decoded) {
    return Failure{decoded.error()};
  }
  states_ = std::move(decoded->states);
  learning_until_ = decoded->learning_until;
  sequences_.forget();
  pending_.clear();
  return Ok{};
}

}  // namespace gnomon
