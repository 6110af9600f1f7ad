#include "agent/unknown_reports.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/byte_writer.h"
#include "core/domain_name.h"
#include "core/file.h"
#include "core/net/join_token.h"
#include "core/sha256.h"

namespace gnomon {
namespace {

using std::chrono::sys_days;

constexpr std::string_view kReportsMagic = "GNREPT01";
constexpr std::string_view kEpochWords = "gnomon unknowns epoch v1\n";
constexpr std::string_view kDomainWords = "gnomon unknown domain v1\n";

sys_days day_of(WallTime when) {
  return std::chrono::floor<std::chrono::days>(when);
}

std::uint32_t number(sys_days day) {
  return static_cast<std::uint32_t>(day.time_since_epoch().count());
}

sys_days day_number(std::uint32_t number) {
  return sys_days{std::chrono::days{static_cast<std::int32_t>(number)}};
}

bool is_name(const std::string& text) {
  const auto name = DomainName::from_text(text);
  return name && name->text() == text;
}

std::string take_text(ByteReader& in) {
  const Bytes run = in.take(in.u8());
  return {run.begin(), run.end()};
}

void put_text(ByteWriter& out, std::string_view text) {
  out.u8(static_cast<std::uint8_t>(text.size()));
  out.text(text);
}

}  // namespace

UnknownToken unknown_token(std::string_view secret, std::uint32_t epoch, std::string_view domain) {
  ByteWriter words;
  words.text(kEpochWords);
  words.u32(epoch);
  const Sha256 key = hmac_sha256(bytes_of(secret), words.view());
  std::string message{kDomainWords};
  message += domain;
  const Sha256 digest = hmac_sha256(key, bytes_of(message));
  UnknownToken token{};
  std::copy_n(digest.begin(), token.size(), token.begin());
  return token;
}

bool UnknownReports::set_policy(const wire::UnknownsPolicy& policy) {
  if (policy == policy_) {
    return false;
  }
  if (policy.epoch != policy_.epoch || !policy.enabled) {
    marks_.clear();
  }
  policy_ = policy;
  return true;
}

std::string_view UnknownReports::obstacle() const {
  if (!allowed_) {
    return "report-unknowns = no in force on this machine";
  }
  if (!policy_.enabled) {
    return "the collector has not asked for them";
  }
  if (secret_.size() != kUnknownsKeyBytes) {
    return "this machine has no key for them: its join token carried none";
  }
  return {};
}

std::vector<DueReport> UnknownReports::due(const UnknownLedger& ledger, std::size_t limit) const {
  std::vector<DueReport> result;
  if (!obstacle().empty()) {
    return result;
  }
  std::vector<std::pair<WallTime, std::string_view>> order;
  for (const auto& [name, domain] : ledger.domains()) {
    const auto mark = marks_.find(name);
    const bool again = mark != marks_.end() && domain.last_opened - mark->second.seen >= kAgain;
    if (domain.days_opened >= kMinDays && (mark == marks_.end() || again)) {
      order.emplace_back(domain.first, name);
    }
  }
  std::sort(order.begin(), order.end());
  order.resize(std::min(order.size(), limit));
  for (const auto& [first, name] : order) {
    const UnknownDomain& domain = ledger.domains().find(name)->second;
    result.push_back({std::string{name},
                      {unknown_token(secret_, policy_.epoch, name), policy_.epoch,
                       number(day_of(domain.first)), number(domain.last_opened)}});
  }
  return result;
}

void UnknownReports::mark(const std::vector<DueReport>& reported) {
  for (const DueReport& one : reported) {
    if (one.report.epoch == policy_.epoch) {
      marks_[one.domain] = Mark{one.report.token, day_number(one.report.last_day)};
    }
  }
}

void UnknownReports::follow(const UnknownLedger& ledger) {
  std::erase_if(marks_, [&](const auto& entry) { return !ledger.domains().contains(entry.first); });
}

wire::RevealReply UnknownReports::answer(const wire::RevealRequest& request,
                                         const UnknownLedger& ledger, WallTime now) {
  wire::RevealReply reply;
  reply.epoch = request.epoch;
  const bool may = obstacle().empty() && request.epoch == policy_.epoch;
  for (const UnknownToken& token : request.tokens) {
    reply.answers.push_back({token, may ? tell(token, ledger, now) : std::string{}});
  }
  return reply;
}

// tell yields the domain of a token that left from here, or nothing.
std::string UnknownReports::tell(const UnknownToken& token, const UnknownLedger& ledger,
                                 WallTime now) {
  // Only what was offered may be asked for: a question cannot probe for domains.
  const auto found = std::find_if(marks_.begin(), marks_.end(),
                                  [&](const auto& entry) { return entry.second.token == token; });
  if (found == marks_.end() || !ledger.domains().contains(found->first) ||
      !may_tell(found->first, now)) {
    return {};
  }
  return found->first;
}

bool UnknownReports::may_tell(const std::string& domain, WallTime now) {
  const bool told_before = std::any_of(reveals_.begin(), reveals_.end(), [&](const Reveal& reveal) {
    return reveal.domain == domain;
  });
  if (told_before) {
    return true;
  }
  if (day_of(now) != telling_day_) {
    telling_day_ = day_of(now);
    told_today_ = 0;
  }
  if (told_today_ >= kMaxRevealsADay) {
    return false;
  }
  ++told_today_;
  ++told_;
  if (reveals_.size() >= kMaxReveals) {
    reveals_.erase(reveals_.begin());
  }
  reveals_.push_back({domain, now});
  return true;
}

std::optional<sys_days> UnknownReports::left(std::string_view domain) const {
  const auto found = marks_.find(domain);
  return found == marks_.end() ? std::nullopt : std::optional{found->second.seen};
}

std::vector<std::uint8_t> UnknownReports::encode() const {
  ByteWriter out;
  out.text(kReportsMagic);
  out.u8(policy_.enabled ? 1 : 0);
  out.u32(policy_.epoch);
  out.u32(number(telling_day_));
  out.u32(told_today_);
  out.u32(static_cast<std::uint32_t>(marks_.size()));
  for (const auto& [domain, mark] : marks_) {
    put_text(out, domain);
    out.bytes(mark.token);
    out.u32(number(mark.seen));
  }
  out.u32(static_cast<std::uint32_t>(reveals_.size()));
  for (const Reveal& reveal : reveals_) {
    put_text(out, reveal.domain);
    out.u64(static_cast<std::uint64_t>(reveal.when.time_since_epoch().count()));
  }
  return out.take();
}

bool UnknownReports::decode(Bytes bytes) {
  UnknownReports read{allowed_, secret_};
  ByteReader in{bytes};
  const Bytes magic = in.take(kReportsMagic.size());
  if (!std::equal(magic.begin(), magic.end(), kReportsMagic.begin(), kReportsMagic.end())) {
    return false;
  }
  const std::uint8_t enabled = in.u8();
  read.policy_ = {enabled == 1, in.u32()};
  read.telling_day_ = day_number(in.u32());
  read.told_today_ = in.u32();
  const std::uint32_t marks = in.u32();
  for (std::uint32_t i = 0; i < marks; ++i) {
    const std::string domain = take_text(in);
    Mark mark;
    const Bytes token = in.take(mark.token.size());
    std::copy(token.begin(), token.end(), mark.token.begin());
    mark.seen = day_number(in.u32());
    if (!in.ok() || marks > UnknownLedger::kMaxDomains || !is_name(domain) ||
        (!read.marks_.empty() && domain <= read.marks_.rbegin()->first)) {
      return false;
    }
    read.marks_.emplace_hint(read.marks_.end(), domain, mark);
  }
  const std::uint32_t reveals = in.u32();
  for (std::uint32_t i = 0; i < reveals; ++i) {
    Reveal reveal;
    reveal.domain = take_text(in);
    const std::uint64_t high = in.u32();
    const std::uint64_t when = high << 32U | in.u32();
    reveal.when = WallTime{std::chrono::nanoseconds{static_cast<std::int64_t>(when)}};
    if (reveals > kMaxReveals || !is_name(reveal.domain)) {
      return false;
    }
    read.reveals_.push_back(std::move(reveal));
  }
  if (!in.ok() || !in.empty() || enabled > 1) {
    return false;
  }
  policy_ = read.policy_;
  marks_ = std::move(read.marks_);
  reveals_ = std::move(read.reveals_);
  telling_day_ = read.telling_day_;
  told_today_ = read.told_today_;
  return true;
}

}  // namespace gnomon
