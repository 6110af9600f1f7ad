#include "agent/evidence/tool_state.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace gnomon {
namespace {

using std::chrono::seconds;

constexpr seconds kPause{30};  // what comes after it is another page, or another look
// A frame or widget comes with one page; a person who opened a page does something there.
constexpr seconds kCarriedAgainAfter{5};
constexpr seconds kCarriedWithin{1800};
constexpr seconds kClickLeads{
    10};  // from a click in a mail to what it opens; nobody reads mail faster
constexpr seconds kPageAfter{5};  // what comes sooner is the same page, still loading

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

bool within(const std::optional<WallTime>& earlier, WallTime now, WallTime::duration span) {
  return earlier.has_value() && now >= *earlier && now - *earlier <= span;
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
  // Some things are understood later than they happened, and are read where they belong.
  const auto before = std::find_if(evidence_.rbegin(), evidence_.rend(),
                                   [when](const Evidence& line) { return line.when <= when; });
  evidence_.insert(before.base(), {when, std::move(what), std::string{host}, role});
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
  confirm_beside(step, sign_in, model);
  if (step.maker == Maker::script && step.role == Role::app) {
    // Scripts call the product's own host where it has no other: nobody looks at screens there.
    note_program(step);
  } else if (step.role == Role::content && tool_led) {
    if (returned(step.when, sign_in, model)) {
      note_return(step, sign_in, model);
    } else if (!seen_once(step)) {
      guest_seen_ = true;
      note(step.when, "read a page that one of the tool's customers publishes", step.host,
           step.role);
    }
  } else if (is_passive(step.role)) {
    add_passive(step, sign_in, model);
  } else if (step.role == Role::api) {
    add_api(step, sign_in, model, tool_led);
  } else {
    add_page(step, sign_in, model, tool_led);
  }
}

void ToolState::add_passive(const Step& step, const SignIn& sign_in, const Model& model) {
  const bool opens = step.led_by == LedBy::itself || step.led_by == LedBy::unclear;
  if (step.mail_click) {
    note_mail_click(step, model);
  }
  if (step.role == Role::embed || step.role == Role::link) {
    note_again(step.when, "loaded by another site's page: not a use",
               "loaded by another page again: not a use", step.host, step.role);
  }
  // Files alone mean nothing, but after a sign-in they show that the product opened on a
  // connection made before it. Other people's pages carry embeds, so those must come first.
  const bool own_files = step.role == Role::asset || (step.role == Role::embed && opens);
  if (own_files && returned(step.when, sign_in, model)) {
    note_return(step, sign_in, model);
  } else if (step.role == Role::asset && step.led_by == LedBy::itself &&
             within(sign_in.family_login, step.when, model.login_credit)) {
    note(step.when, "files of the product loaded after the sign-in", step.host, step.role);
  }
}

// note_mail_click: the tool's own mail was clicked. Soon after the first look at the tool it is
// most likely the one that asks to confirm an address; at any other time it says nothing.
void ToolState::note_mail_click(const Step& step, const Model& model) {
  if (met_before(step.when, model)) {
    mail_click_ = true;
    note_first_use(step.when, model);
    note(step.when, "a link in its mail was opened, soon after the first look at it", step.host,
         step.role);
  }
}

// returned: the person was sent to an identity provider, or from the sign-in to a mail, and the
// link in it was opened just now.
bool ToolState::returned(WallTime when, const SignIn& sign_in, const Model& model) const {
  const bool from_mail = within(last_login_, when, model.sequence_window) &&
                         within(sign_in.mail_click, when, kClickLeads) &&
                         *sign_in.mail_click - *last_login_ >= kClickLeads;
  return from_mail || returned_from_idp(when, sign_in, model);
}

// note_return: an identity provider was opened from the tool's pages, or its sign-in was, and what
// comes next are the tool's own files or back end. The page came over a connection still open.
void ToolState::note_return(const Step& step, const SignIn& sign_in, const Model& model) {
  adopt_glimpse(step.when, sign_in, model);
  const bool after_idp = returned_from_idp(step.when, sign_in, model);
  const WallTime signed_in = after_idp ? *sign_in.idp : last_login_.value_or(step.when);
  const bool from_site = within(last_site_, signed_in, model.sequence_window);
  if (!login_then_app_) {
    note_form_time(form_begin(step.when, sign_in, model), step, model);
  }
  note_first_use(step.when, model);
  sequence_ = sequence_ || (from_site && !inside_);
  login_then_app_ = true;
  if (!inside_) {
    note_arrival(step.when, model);
  }
  inside_ = true;
  if (after_idp && !sign_in.idp_name.empty()) {
    note(*sign_in.idp, "hint: signed in through " + std::string{sign_in.idp_name}, {}, Role::idp);
  }
  note_use_burst(step);
  note(step.when, "its own files loaded after the sign-in", step.host, Role::asset);
}

void ToolState::add_api(const Step& step, const SignIn& sign_in, const Model& model,
                        bool tool_led) {
  if (step.maker == Maker::program || step.maker == Maker::script) {
    note_program(step);
    return;
  }
  if (returned_from_idp(step.when, sign_in, model)) {
    note_return(step, sign_in, model);
  }
  // The page may have come over an open connection: then the tool's own files lead, or another tab.
  const bool signing_in = inside_ || within(last_login_, step.when, model.sequence_window);
  const bool own = tool_led || signing_in ||
                   (step.led_by == LedBy::unclear && is_expected(step, sign_in, model));
  // Some public pages ask who is signed in: what they asked is no sign of the product later either.
  const std::size_t host = std::hash<std::string_view>{}(step.host);
  const bool announced = !signing_in && (step.behind_site || host == announced_api_);
  if (announced) {
    announced_api_ = host;
  } else if (own && !browser_api_) {
    note_first_api(step, sign_in, model);
  } else if (own && (inside_ || back_end_later_)) {
    note_use_burst(step);
  }
  browser_api_ = browser_api_ || (own && !announced);
  note(step.when,
       own ? "the API called beside the product's own pages"
           : "the API called from another site's page: not a use",
       step.host, step.role);
}

// note_first_api: the tool's own pages call its API for the first time. After its sign-in, or its
// form, that is the product; after its public pages it may be.
void ToolState::note_first_api(const Step& step, const SignIn& sign_in, const Model& model) {
  const bool from_login = within(last_login_, step.when, model.sequence_window) &&
                          step.when - *last_login_ >= model.burst_quiet;
  if (inside_) {
    note_back_end(step, model);
  } else if (from_login) {
    note_return(step, sign_in, model);
  } else if (site_begin_ && step.burst != site_burst_ &&
             step.when - *site_begin_ >= model.site_read_after / 2 &&
             within(last_site_, step.when, model.sequence_window)) {
    back_end_later_ = true;
    note_use_burst(step);
    note_first_use(step.when, model);
    note(step.when, "its back end was contacted only after its public pages", step.host, step.role);
  }
}

bool ToolState::is_expected(const Step& step, const SignIn& sign_in, const Model& model) const {
  return inside_ || within(last_site_, step.when, model.sequence_window) ||
         within(last_login_, step.when, model.sequence_window) ||
         within(sign_in.family_login, step.when, model.login_credit);
}

// met_before: the person looked at the tool a while ago, and not longer than one sitting.
bool ToolState::met_before(WallTime when, const Model& model) const {
  const auto earlier = [&](const std::optional<WallTime>& then) {
    return within(then, when, model.sequence_window) && when - *then >= seconds{10};
  };
  return earlier(site_begin_) || earlier(first_login_) || earlier(first_use_);
}

void ToolState::add_page(const Step& step, const SignIn& sign_in, const Model& model,
                         bool tool_led) {
  if (step.mail_click) {
    note_mail_click(step, model);
    return;
  }
  // What other pages can carry counts only when nobody else's page led to it. Another tab may load
  // at the same time: with a reason to expect the user here, all else counts.
  const bool expected = is_expected(step, sign_in, model);
  const bool reachable_by_others = step.weight == RuleWeight::weak || step.shared_with_embed ||
                                   step.audience == Audience::guest || step.role == Role::site;
  if ((reachable_by_others || !expected) && !tool_led) {
    hold_beside(step);
    note_glimpse(step, model);
    note(step.when, "contacted while another site's page loaded: not a use", step.host, step.role);
    return;
  }
  if (step.weight == RuleWeight::none) {
    return;
  }
  // A weak host that other pages load besides is no more than what they carry: its company (files,
  // a provider's button) may be that of the page behind it. It has to be expected, or to come
  // again.
  const bool at_work = inside_ && within(last_use_, step.when, model.session_gap);
  if (step.weight == RuleWeight::weak && !step.shared_with_embed && !at_work) {
    if (step.led_by == LedBy::itself && !weak_pending_) {
      weak_pending_ = step.when;
      weak_host_ = step.host;
    }
    return;
  }
  const bool carried = step.shared_with_embed || step.audience == Audience::guest;
  if (!expected && step.led_by == LedBy::own && carried_burst_ == step.burst) {
    note(step.when, "came with a host that is perhaps only a frame: not a use", step.host,
         step.role);
    return;
  }
  if (carried && !expected && !carried_before_idp(step, sign_in, model) && seen_once(step)) {
    note_glimpse(step, model);
    return;
  }
  note_use(step, sign_in, model);
}

// carried_before_idp: the host was seen once, then an identity provider was opened, and now it
// comes again. That is a sign-in; the first contact then was a look, and not a frame.
bool ToolState::carried_before_idp(const Step& step, const SignIn& sign_in, const Model& model) {
  const bool so = carried_ && within(sign_in.idp, step.when, model.idp_credit) &&
                  *sign_in.idp >= *carried_ + model.burst_quiet &&
                  *sign_in.idp - *carried_ <= model.login_credit;
  if (so && step.shared_with_site && !last_site_) {
    site_begin_ = carried_;
    last_site_ = carried_;
  }
  return so;
}

// note_glimpse remembers a contact that is no use for itself: another page may have made it. When
// the product is reached soon after, it was most likely the first look at it.
void ToolState::note_glimpse(const Step& step, const Model& model) {
  if (step.audience == Audience::guest) {
    return;
  }
  const bool site = step.role == Role::site || step.shared_with_site;
  if (!site && within(glimpse_site_, step.when, kPageAfter)) {
    return;  // of the same page
  }
  auto& place = site ? glimpse_site_ : glimpse_use_;
  if (!within(place, step.when, model.sequence_window)) {
    place = step.when;
  }
}

// adopt_glimpse takes the glimpse of its public pages, or a look at those of its vendor, for the
// look that led here: sign-in or product were reached.
void ToolState::adopt_glimpse(WallTime when, const SignIn& sign_in, const Model& model) {
  if (inside_ || within(last_site_, when, model.sequence_window)) {
    return;
  }
  for (const auto& look : {glimpse_site_, sign_in.family_site}) {
    if (within(look, when, model.sequence_window) && when - *look >= kPageAfter) {
      site_begin_ = look;
      last_site_ = look;
      note(*look, "its public pages were a first look: its sign-in or product was opened after it",
           {}, Role::site);
      return;
    }
  }
}

void ToolState::hold_beside(const Step& step) {
  const bool embeddable = step.shared_with_embed || step.weight != RuleWeight::normal ||
                          step.audience == Audience::guest;
  if (step.led_by != LedBy::other || embeddable || step.role == Role::client || beside_) {
    return;
  }
  beside_ = Beside{step, std::string{step.host}, std::string{step.tenant}};
  beside_->step.host = {};
  beside_->step.tenant = {};
}

void ToolState::confirm_beside(const Step& step, const SignIn& sign_in, const Model& model) {
  if (!beside_) {
    return;
  }
  if (step.burst != beside_->step.burst) {
    beside_.reset();
    return;
  }
  const bool own_company = step.role == Role::asset || step.role == Role::client ||
                           step.role == Role::app || step.role == Role::login;
  if (!own_company || step.host == beside_->host || step.when - beside_->step.when > seconds{2} ||
      step.shared_with_embed || step.weight != RuleWeight::normal) {
    return;
  }
  const Beside held = std::move(*beside_);
  beside_.reset();
  Step page = held.step;
  page.host = held.host;
  page.tenant = held.tenant;
  note(step.when, "its own files came with it: a page of its own, beside another one", step.host,
       step.role);
  note_use(page, sign_in, model);
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
// seen. It was opened when a mail, chat or search page came before, for those lead by links and
// carry nothing; or when it comes again after a while in a page load of its own, and no other page
// was opened in between.
bool ToolState::seen_once(const Step& step) {
  if (step.led_by == LedBy::itself && step.entry != Entry::unknown) {
    note(step.when,
         step.entry == Entry::message ? "opened from a mail or chat" : "opened from a search page",
         step.host, step.role);
    invited_ = invited_ || (step.entry == Entry::message && use_hellos_ == 0);
    return false;
  }
  const bool same_run = carried_burst_ != 0 && carried_burst_ >= step.run_begin &&
                        within(carried_, step.when, kCarriedWithin);
  if (same_run && step.led_by == LedBy::itself && step.when - *carried_ >= kCarriedAgainAfter) {
    return false;
  }
  if (!same_run) {
    carried_ = step.when;
    carried_burst_ = step.burst;
  }
  note(step.when, "seen once, and other sites' pages carry it too: no use by itself", step.host,
       step.role);
  return true;
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

void ToolState::sequence_done(WallTime when, std::string_view id) {
  if (!sequence_rule_) {
    sequence_rule_ = true;
    note(when, "the steps of " + std::string{id} + " were seen in order", {}, Role::signup);
  }
}

}  // namespace gnomon
