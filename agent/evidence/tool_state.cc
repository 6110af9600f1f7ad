#include "agent/evidence/tool_state.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

namespace gnomon {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr int kDormantDays = 30;
constexpr int kActiveWithinDays = 7;
constexpr seconds kPause{30};  // what comes after it is another page, or another look
// A frame or widget comes with one page; a person who opened a page does something there.
constexpr seconds kCarriedAgainAfter{5};
constexpr seconds kCarriedWithin{1800};

std::int32_t day_of(WallTime when) {
  return static_cast<std::int32_t>(
      std::chrono::floor<std::chrono::days>(when).time_since_epoch().count());
}

// Roles that never make a use, whoever leads.
bool is_passive(Role role) {
  switch (role) {
    case Role::embed:
    case Role::content:
    case Role::link:
    case Role::asset:
    case Role::idp:
    case Role::unknown:
      return true;
    default:
      return false;
  }
}

bool is_product(Role role) {
  return role == Role::app || role == Role::client;
}

bool within(const std::optional<WallTime>& earlier, WallTime now, WallTime::duration span) {
  return earlier.has_value() && now >= *earlier && now - *earlier <= span;
}

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

void ToolState::note(WallTime when, std::string what, std::string_view host, Role role) {
  const auto same = std::find_if(evidence_.begin(), evidence_.end(), [&](const Evidence& line) {
    return line.what == what && line.host == host;
  });
  if (same != evidence_.end()) {
    return;
  }
  if (evidence_.size() >= kMaxEvidence) {
    // The beginning tells how it started and the end what it came to; the middle goes.
    evidence_.erase(evidence_.begin() + static_cast<std::ptrdiff_t>(kMaxEvidence / 2));
  }
  evidence_.push_back({when, std::move(what), std::string{host}, role});
}

// note_again notes `what` the first time, and `again` once when it is seen after a pause: one line
// each, however long it goes on.
void ToolState::note_again(WallTime when, const char* what, const char* again,
                           std::string_view host, Role role) {
  const auto before = std::find_if(evidence_.begin(), evidence_.end(), [&](const Evidence& line) {
    return line.what == what && line.host == host;
  });
  if (before != evidence_.end() && when - before->when >= kPause) {
    note(when, again, host, role);
  } else {
    note(when, what, host, role);
  }
}

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

void ToolState::close_session_if_over(WallTime when, const Model& model) {
  if (session_last_ && when - *session_last_ > model.session_gap) {
    session_begin_.reset();
    session_last_.reset();
    session_flows_ = 0;
  }
}

void ToolState::add(const Step& step, const SignIn& sign_in, const Model& model, bool learning) {
  if (by_role_ == decltype(by_role_){}) {
    first_ = step.when;
    last_ = step.when;
    known_before_ = learning;
  }
  first_ = std::min(first_, step.when);
  last_ = std::max(last_, step.when);
  ++by_role_.at(static_cast<std::size_t>(step.role));
  if (step.source == Source::dns) {
    if (!is_passive(step.role) && hellos_ == 0) {
      note(step.when, "name looked up", step.host, step.role);
    }
    return;
  }
  ++hellos_;

  if (step.by_alias) {
    note(step.when, "a company's own name leads to the tool: published pages, not a use", step.host,
         Role::content);
    return;
  }
  const bool tool_led = step.led_by == LedBy::itself || step.led_by == LedBy::own;
  if (step.maker == Maker::script && step.role == Role::app) {
    // Scripts call the product's own host where it has no other: nobody looks at screens there.
    note_program(step);
    return;
  }
  if (step.role == Role::content && tool_led) {
    if (seen_once(step)) {
      return;
    }
    guest_seen_ = true;
    note(step.when, "read a page that one of the tool's customers publishes", step.host, step.role);
    return;
  }
  if (step.role == Role::embed || step.role == Role::link) {
    note_again(step.when, "loaded by another site's page: not a use",
               "loaded by another page again: not a use", step.host, step.role);
    return;
  }
  if (step.role == Role::asset) {
    // Files alone mean nothing, but after a sign-in they show that the product opened on a
    // connection made before it.
    if (step.led_by == LedBy::itself &&
        within(sign_in.family_login, step.when, model.login_credit)) {
      note(step.when, "files of the product loaded after the sign-in", step.host, step.role);
    }
    return;
  }
  if (is_passive(step.role)) {
    return;
  }
  if (step.role == Role::api) {
    if (step.maker == Maker::program || step.maker == Maker::script) {
      note_program(step);
    } else {
      browser_api_ = true;
      note(step.when,
           tool_led ? "the API called beside the product's own pages"
                    : "the API called from another site's page: not a use",
           step.host, step.role);
    }
    return;
  }

  // A host that strangers' pages can reach too counts only when nobody else's page led to it.
  // Another tab may load at the same time: with a reason to expect the user here, it counts.
  const bool expected = inside_ || within(last_site_, step.when, model.sequence_window) ||
                        within(last_login_, step.when, model.sequence_window) ||
                        within(sign_in.family_login, step.when, model.login_credit);
  const bool reachable_by_others = step.weight == RuleWeight::weak || step.shared_with_embed ||
                                   step.audience == Audience::both ||
                                   step.audience == Audience::guest || step.role == Role::site;
  if ((reachable_by_others || !expected) && !tool_led) {
    note(step.when, "contacted while another site's page loaded: not a use", step.host, step.role);
    return;
  }
  if (step.weight == RuleWeight::none) {
    return;
  }
  if (step.weight == RuleWeight::weak) {
    if (step.led_by == LedBy::itself && !weak_pending_) {
      weak_pending_ = step.when;
      weak_host_ = step.host;
    }
    return;
  }
  const bool carried = step.shared_with_embed || step.audience == Audience::guest;
  if (carried && !expected && !within(sign_in.idp, step.when, model.idp_credit) &&
      seen_once(step)) {
    return;
  }
  note_use(step, sign_in, model);
}

void ToolState::note_program(const Step& step) {
  program_api_ = true;
  if (const auto day = day_of(step.when); api_days_ == 0 || day > last_api_day_) {
    last_api_day_ = day;
    api_days_ = static_cast<std::uint8_t>(std::min(api_days_ + 1, 255));
  }
  best_rule_ = std::max(best_rule_, step.confidence);
  note(step.when, "a program, not a browser, called the API", step.host, step.role);
}

// seen_once tells whether this may still be a frame or widget of a page whose own name was not
// seen: until the host comes again after a while, in a page load of its own, nothing is concluded.
bool ToolState::seen_once(const Step& step) {
  if (within(carried_, step.when, kCarriedWithin) && step.when - *carried_ >= kCarriedAgainAfter) {
    return false;
  }
  if (!within(carried_, step.when, kCarriedWithin)) {
    carried_ = step.when;
  }
  note(step.when, "seen once; other sites' pages carry it too: not a use", step.host, step.role);
  return true;
}

void ToolState::note_site(WallTime when, const Model& model) {
  if (!within(last_site_, when, model.sequence_window)) {
    site_begin_ = when;
  }
  last_site_ = when;
}

void ToolState::note_first_use(WallTime when, const Model& model) {
  if (first_use_) {
    return;
  }
  first_use_ = when;
  if (within(last_site_, when, model.sequence_window) && site_begin_ &&
      when - *site_begin_ >= model.site_read_after) {
    site_read_ = true;
    note(when, "its public pages were read first, not just passed", {}, Role::site);
  }
}

void ToolState::settle(const Company& company, const Model& model) {
  if (!weak_pending_) {
    return;
  }
  const WallTime when = *weak_pending_;
  weak_pending_.reset();
  if (company.others < model.weak_company || !company.idp) {
    note(when, "a short contact with a host that also takes beacons: not a use", weak_host_,
         Role::app);
    return;
  }
  Step step;
  step.when = when;
  step.source = Source::tls;
  step.role = Role::app;
  step.audience = Audience::user;
  const std::string host = weak_host_;
  step.host = host;
  note(when, "opened first, with the sign-in and files of its own screens beside it", host,
       Role::app);
  note_use(step, SignIn{}, model);
}

void ToolState::note_use(const Step& step, const SignIn& sign_in, const Model& model) {
  ++use_hellos_;
  const bool guest_host = step.audience == Audience::guest || step.audience == Audience::both;
  guest_hellos_ += guest_host ? 1 : 0;
  best_rule_ = std::max(best_rule_, step.confidence);
  if (step.audience == Audience::guest) {
    guest_seen_ = true;
    note(step.when, "reached as somebody's guest", step.host, step.role);
    return;
  }
  switch (step.role) {
    case Role::site:
      note_site(step.when, model);
      note(step.when, "visited its public pages", step.host, step.role);
      return;
    case Role::signup:
      signup_host_ = true;
      note_first_use(step.when, model);
      note(step.when, "opened its sign-up page", step.host, step.role);
      return;
    case Role::login:
      // A run of contacts is one sign-in: how long it took is counted from its first.
      if (!within(last_login_, step.when, model.login_credit)) {
        last_login_ = step.when;
      }
      first_login_ = first_login_.value_or(step.when);
      app_first_ = app_first_ || (inside_ && !login_then_app_ && !site_then_app_);
      note_first_use(step.when, model);
      note(step.when, "opened its sign-in page", step.host, step.role);
      return;
    default:
      break;
  }
  if (is_product(step.role)) {
    note_product(step, sign_in, model);
  }
}

// An identity provider speaks for a tool only when the tool came before it: browsers contact
// Google's at every start, and many pages load its button.
bool ToolState::sent_to_idp(const SignIn& sign_in, const Model& model) const {
  if (!sign_in.idp) {
    return false;
  }
  const auto sent = [&](const std::optional<WallTime>& from, WallTime::duration least) {
    return from && *sign_in.idp >= *from + least && *sign_in.idp - *from <= model.login_credit;
  };
  return sent(last_login_, seconds{0}) || sent(last_site_, model.burst_quiet) ||
         sent(last_use_, model.burst_quiet);
}

void ToolState::note_product(const Step& step, const SignIn& sign_in, const Model& model) {
  close_session_if_over(step.when, model);
  if (within(sign_in.family_login, step.when, model.login_credit) &&
      (!last_login_ || *last_login_ < *sign_in.family_login)) {
    last_login_ = sign_in.family_login;
    first_login_ = first_login_.value_or(*sign_in.family_login);
    note(*sign_in.family_login, "opened the sign-in page its vendor's tools share",
         sign_in.family_host, Role::login);
  }
  const bool after_idp =
      sent_to_idp(sign_in, model) && within(sign_in.idp, step.when, model.idp_credit);
  const bool after_login = within(last_login_, step.when, model.sequence_window) || after_idp;
  const bool announced = step.behind_site && step.role == Role::app && !inside_ && !after_login;
  const bool ambiguous =
      announced || (step.role == Role::app && step.shared_with_site && !after_login && !inside_);

  if (!step.tenant.empty() &&
      std::find(tenants_.begin(), tenants_.end(), step.tenant) == tenants_.end()) {
    if (tenants_.size() < kMaxTenants) {
      tenants_.emplace_back(step.tenant);
    }
    note(step.when,
         step.tenant_owner == TenantOwner::own
             ? "first contact with the company's own part of the tool"
         : step.tenant_owner == TenantOwner::foreign
             ? "first contact with somebody else's part of the tool"
             : "first contact with this customer's part of the tool",
         step.host, step.role);
    new_tenant_ = new_tenant_ || (after_login && step.audience != Audience::both);
  }
  if (ambiguous) {
    // The landing page and the product answer on one host: until something else is seen, a look.
    // Neither is a connection that the public pages made in advance.
    if (!session_last_ || !inside_) {
      note_site(step.when, model);
    }
    note(step.when,
         announced ? "contacted while its public pages loaded"
                   : "opened; its public pages and the product share this host",
         step.host, step.role);
  } else {
    const bool from_login = within(last_login_, step.when, model.sequence_window);
    const WallTime signed_in = from_login ? *last_login_ : after_idp ? *sign_in.idp : step.when;
    const bool from_site = !inside_ && within(last_site_, signed_in, model.sequence_window);
    sequence_ = sequence_ || (from_site && after_login);
    site_then_app_ = site_then_app_ || (from_site && !after_login);
    login_then_app_ = login_then_app_ || after_login;
    if (from_login && step.when - *last_login_ >= model.long_login_after) {
      long_login_ = true;
      note(step.when, "the sign-in took as long as filling in a form does", {}, Role::login);
    }
    captcha_ = captcha_ || (from_login && within(sign_in.captcha, step.when, seconds{300}));
    if (within(sign_in.mail_click, step.when, seconds{10})) {
      mail_click_ = true;
      note(step.when, "opened from a link in a mail", step.host, step.role);
    }
    if (after_idp && !sign_in.idp_name.empty()) {
      note(*sign_in.idp, "hint: signed in through " + std::string{sign_in.idp_name}, {}, Role::idp);
    }
    if (step.role == Role::client) {
      note_again(step.when, "the product's own back end contacted: somebody works in it",
                 "its back end contacted again after a pause: still or again at work", step.host,
                 step.role);
    } else {
      note_again(step.when, "opened the product's own screens",
                 "its screens opened again after a pause", step.host, step.role);
    }
    note_first_use(step.when, model);
    inside_ = true;
  }
  session_begin_ = session_begin_.value_or(step.when);
  session_last_ = step.when;
  session_flows_ += step.repeat ? 0 : 1;
  const bool exclusive = step.audience == Audience::user && !step.shared_with_site;
  exclusive_use_ = exclusive_use_ || exclusive;
  const bool strong = step.weight == RuleWeight::strong && exclusive;
  if ((strong || session_flows_ >= model.session_flows) && !ambiguous) {
    if (!app_session_) {
      note(step.when, "stayed and worked in it", step.host, step.role);
    }
    app_session_ = true;
  }
  last_use_ = step.when;
  if (exclusive || app_session_) {
    const unsigned before = days_within(step.when, kActiveWithinDays);
    mark_day(step.when);
    if (before > 0 && days_within(step.when, kActiveWithinDays) > before) {
      note(step.when, "came back on another day", step.host, step.role);
    }
  }
}

void ToolState::sequence_done(WallTime when, std::string_view id) {
  if (!sequence_rule_) {
    sequence_rule_ = true;
    note(when, "the steps of " + std::string{id} + " were seen in order", {}, Role::signup);
  }
}

Features ToolState::features() const {
  Features f;
  f.signup_host = signup_host_;
  f.sequence = sequence_;
  f.site_then_app = site_then_app_ && !sequence_;
  f.site_read = site_read_;
  f.login_then_app = login_then_app_ && !sequence_;
  f.app_first = app_first_;
  f.sequence_rule = sequence_rule_;
  f.first_ever = !known_before_;
  f.new_tenant = new_tenant_;
  f.long_login = long_login_;
  f.mail_click = mail_click_;
  f.captcha = captcha_;
  f.app_session = app_session_;
  f.second_day = std::popcount(days_) >= 2;
  f.guest_only = use_hellos_ > 0 && use_hellos_ == guest_hellos_ && !login_then_app_;
  f.dns_only = hellos_ == 0;
  return f;
}

double ToolState::probability_of_signup(const Model& model) const {
  // Without any contact with sign-up, sign-in or product there is nothing to judge.
  return first_use_ ? signup_probability(model, features()) : 0.0;
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
  if (returned && (exclusive_use_ || app_session_)) {
    return {Stage::active, thousandths((app_session_ ? 0.97 : 0.85) * rule_trust)};
  }
  if (signup >= model.signup_threshold) {
    return {Stage::signup_likely, thousandths(signup * (rule_trust > 0.5 ? 1.0 : 0.9))};
  }
  if (use_hellos_ > 0) {
    const bool only_guest = guest_seen_ && !first_use_;
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
