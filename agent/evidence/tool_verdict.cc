// The judgement drawn from a ToolState: days, features, stage.

#include <algorithm>
#include <bit>
#include <cmath>

#include "agent/evidence/times.h"
#include "agent/evidence/tool_state.h"

namespace gnomon {
namespace {

using std::chrono::hours;

constexpr int kDormantDays = 30;

// What names cannot show is never certain. Of the judgements that claim more, crossed over tools,
// 308 of 309 were sign-ups (docs/accuracy.md), which leaves room for 3 in 100.
constexpr double kMostSure = 0.97;

std::uint16_t thousandths(double value) {
  return static_cast<std::uint16_t>(std::lround(std::clamp(value, 0.0, 1.0) * 1000.0));
}

// How much a verdict may rest on rules of this confidence.
double trust(RuleConfidence confidence) {
  switch (confidence) {
    case RuleConfidence::high:
      return 1.0;
    case RuleConfidence::medium:
      return 0.8;
    case RuleConfidence::low:
      return 0.5;
  }
  return 0.5;
}

}  // namespace

void ToolState::mark_day(WallTime when) {
  const std::int32_t day = day_of(when);
  if (days_ == 0) {
    last_day_ = day;
    days_ = 1;
    return;
  }
  if (day > last_day_) {
    const std::int32_t ahead = day - last_day_;
    days_ = ahead >= 64 ? 0 : days_ << static_cast<unsigned>(ahead);
    days_ |= 1;
    last_day_ = day;
  } else if (last_day_ - day < 64) {
    days_ |= std::uint64_t{1} << static_cast<unsigned>(last_day_ - day);
  }
}

unsigned ToolState::days_within(WallTime now, int days) const {
  const std::int32_t today = day_of(now);
  unsigned count = 0;
  for (unsigned bit = 0; bit < 64; ++bit) {
    const std::int32_t day = last_day_ - static_cast<std::int32_t>(bit);
    if ((days_ >> bit & 1U) != 0 && today - day < days && day <= today) {
      ++count;
    }
  }
  return count;
}

Features ToolState::features(const Model& model) const {
  Features f;
  f.signup_host = signup_host_;
  f.sequence = sequence_;
  f.site_then_app = site_then_app_ && !sequence_;
  f.site_read = share_of(read_, model.site_read_from, model.site_read_full);
  f.form_time = share_of(form_time_, model.form_time_from, model.form_time_full);
  f.slow_arrival = share_of(way_, model.slow_arrival_from, model.slow_arrival_full);
  f.more_pages = more_pages_;
  f.own_tenant = own_tenant_ && !other_tenant_;
  f.form_only = signup_host_ && !inside_ && !login_then_app_ && !mail_click_;
  f.login_then_app = login_then_app_ && !sequence_;
  f.app_first = app_first_;
  f.sequence_rule = sequence_rule_;
  f.first_ever = !known_before_;
  f.new_tenant = new_tenant_;
  f.mail_click = mail_click_;
  f.captcha = captcha_;
  f.company_sign_in = company_sign_in_;
  f.back_end_later = back_end_later_;
  // With a sign-in or a mail before it, what comes after may well hide in open connections.
  f.one_look = first_use_.has_value() && !later_use_ && !app_session_ && !login_then_app_ &&
               !mail_click_ && !signup_host_;
  f.app_session = app_session_;
  f.second_day = std::popcount(days_) >= 2;
  f.guest_only = use_hellos_ > 0 && use_hellos_ == guest_hellos_ && !login_then_app_;
  f.dns_only = hellos_ == 0;
  return f;
}

double ToolState::probability_of_signup(const Model& model) const {
  // Without any contact with sign-up, sign-in or product there is nothing to judge. And what was
  // met in the learning period is taken for known, however new it looks: no evidence outweighs it.
  return first_use_ && !known_before_ ? signup_probability(model, features(model)) : 0.0;
}

Verdict ToolState::verdict(const Model& model, WallTime now) const {
  const double rule_trust = trust(best_rule_);
  if (last_use_ && std::popcount(days_) >= 2 && now - *last_use_ > hours{24 * kDormantDays}) {
    return {Stage::dormant, thousandths(0.9 * rule_trust)};
  }
  if (program_api_) {
    return {Stage::integrated, thousandths((api_days_ >= 2 ? 0.95 : 0.7) * rule_trust)};
  }
  const double signup = probability_of_signup(model);
  const bool returned = last_use_ && days_within(*last_use_, kActiveWithinDays) >= 2;
  // Strangers come back to what was shared with them; an account makes the difference.
  const bool account =
      exclusive_use_ || app_session_ || login_then_app_ || signup >= model.signup_threshold;
  if (returned && account) {
    return {Stage::active, thousandths((app_session_ ? 0.97 : 0.85) * rule_trust)};
  }
  if (signup >= model.signup_threshold) {
    const double sure = std::min(signup, kMostSure);
    return {Stage::signup_likely, thousandths(sure * (rule_trust > 0.5 ? 1.0 : 0.9))};
  }
  if (use_hellos_ > 0) {
    const bool only_guest =
        (guest_seen_ && !first_use_) || (invited_ && !first_login_ && !login_then_app_);
    const bool foreign_tenant = !tenants_.empty() && use_hellos_ == guest_hellos_ && !first_login_;
    if (only_guest || foreign_tenant) {
      return {Stage::guest, thousandths(0.8 * rule_trust)};
    }
    return {Stage::visited, thousandths((first_use_ ? 0.9 : 0.8) * rule_trust)};
  }
  if (guest_seen_) {
    return {Stage::guest, thousandths(0.6)};
  }
  if (hellos_ > 0) {
    return {Stage::embedded, thousandths(0.95)};
  }
  const auto count = [this](Role role) { return by_role_.at(static_cast<std::size_t>(role)); };
  const bool only_passive = count(Role::site) + count(Role::signup) + count(Role::login) +
                                count(Role::app) + count(Role::client) + count(Role::api) ==
                            0;
  return only_passive ? Verdict{Stage::embedded, thousandths(0.8)}
                      : Verdict{Stage::mentioned, thousandths(0.9)};
}

}  // namespace gnomon
