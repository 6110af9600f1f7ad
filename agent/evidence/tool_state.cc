#include "agent/evidence/tool_state.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "agent/evidence/times.h"

namespace gnomon {
namespace {

using std::chrono::seconds;

constexpr seconds kPause{30};  // what comes after it is another page, or another look

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
  if (own_burst_ != step.burst) {
    own_burst_before_ = std::exchange(own_burst_, step.burst);
  }

  if (step.by_alias) {
    note(step.when, "a company's own name leads to the tool: published pages, not a use", step.host,
         Role::content);
    return;
  }
  const bool tool_led = step.led_by == LedBy::itself || step.led_by == LedBy::own;
  confirm_beside(step, sign_in, model);
  if (step.maker == Maker::script && (step.role == Role::app || step.shared_with_api)) {
    // Scripts call the product's own host where it has no other: nobody looks at screens there.
    note_program(step);
  } else if (step.role == Role::content && tool_led) {
    if (returned(step, sign_in, model)) {
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
    note_mail_click(step, sign_in, model);
  }
  if (step.role == Role::embed || step.role == Role::link) {
    note_again(step.when, "loaded by another site's page: not a use",
               "loaded by another page again: not a use", step.host, step.role);
  }
  if (step.role == Role::asset && step.entry == Entry::message && met_before(step.when, model)) {
    mail_click_ = true;
    note_first_use(step, sign_in, model);
    note(step.when, "a page of it was opened from a mail, soon after the first look at it",
         step.host, step.role);
  }
  // Beside another tab's page they show that something of it opened; that is not counted, but later
  // contacts are no arrival any more.
  if (step.role == Role::asset && step.led_by == LedBy::other &&
      is_expected(step, sign_in, model)) {
    note_glimpse(step, model);
    later_use_ = later_use_ || (within(last_login_, step.when, model.login_credit) &&
                                step.when - *last_login_ >= model.burst_quiet);
  }
  // Files alone mean nothing, but after a sign-in they show that the product opened on a
  // connection made before it. Other people's pages carry embeds, so those must come first.
  const bool own_files = step.role == Role::asset || (step.role == Role::embed && opens);
  if (own_files && returned(step, sign_in, model)) {
    note_return(step, sign_in, model);
  } else if (step.role == Role::asset && step.led_by == LedBy::itself &&
             within(sign_in.family_login, step.when, model.login_credit)) {
    note(step.when, "files of the product loaded after the sign-in", step.host, step.role);
  }
}

void ToolState::add_api(const Step& step, const SignIn& sign_in, const Model& model,
                        bool tool_led) {
  if (step.maker == Maker::program || step.maker == Maker::script) {
    note_program(step);
    return;
  }
  if (returned_from_idp(step, sign_in, model)) {
    note_return(step, sign_in, model);
  }
  // The page may have come over an open connection: then the tool's own files lead, or another tab.
  const bool signing_in = inside_ || within(last_login_, step.when, model.sequence_window);
  const bool own = tool_led || signing_in ||
                   (step.led_by == LedBy::unclear && is_expected(step, sign_in, model));
  // Some public pages ask who is signed in: what they asked is no sign of the product later either.
  const std::size_t host = std::hash<std::string_view>{}(step.host);
  // Not where an earlier page load of that very host did without it.
  const bool other_page = step.behind_shared && site_shared_ && announced_api_ == 0 &&
                          site_begin_ && step.burst != site_burst_ &&
                          step.when - *site_begin_ >= model.site_read_from;
  const bool announced = !signing_in && !other_page && (step.behind_site || host == announced_api_);
  // What the first page on the product's host calls may be called by its form.
  const bool by_form = inside_ && step.burst == use_burst_;
  if (announced) {
    announced_api_ = host;
  } else if (own && !by_form && !browser_api_) {
    note_first_api(step, sign_in, model);
  } else if (own && (inside_ || back_end_later_)) {
    note_use_burst(step);
  }
  browser_api_ = browser_api_ || (own && !announced && !by_form);
  if (!own && is_expected(step, sign_in, model)) {
    note_glimpse(step, model);
  }
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
  if (from_login && !login_then_app_) {
    note_return(step, sign_in, model);
  } else if (inside_) {
    note_back_end(step, model);
    note_use_burst(step);
  } else if (site_begin_ && step.burst != site_burst_ &&
             step.when - *site_begin_ >= model.site_read_from &&
             within(last_site_, step.when, model.sequence_window)) {
    back_end_later_ = true;
    note_use_burst(step);
    note_first_use(step, sign_in, model);
    note(step.when, "its back end was contacted only after its public pages", step.host, step.role);
  }
}

bool ToolState::is_expected(const Step& step, const SignIn& sign_in, const Model& model) const {
  return inside_ || within(last_site_, step.when, model.sequence_window) ||
         (glimpse_of_site_ && step.led_by == LedBy::itself &&
          within(glimpse_site_, step.when, model.sequence_window)) ||
         within(last_login_, step.when, model.sequence_window) ||
         within(sign_in.family_login, step.when, model.login_credit);
}

void ToolState::add_page(const Step& step, const SignIn& sign_in, const Model& model,
                         bool tool_led) {
  if (step.mail_click) {
    note_mail_click(step, sign_in, model);
    return;
  }
  // What other pages can carry counts only when nobody else's page led to it. Another tab may load
  // at the same time: with a reason to expect the user here, all else counts.
  const bool expected = is_expected(step, sign_in, model);
  const bool reachable_by_others = step.weight == RuleWeight::weak || step.shared_with_embed ||
                                   step.audience == Audience::guest || step.role == Role::site;
  const bool back = step.role != Role::site && returned_from_idp(step, sign_in, model);
  if ((reachable_by_others || !expected) && !tool_led && !back) {
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
  if (carried && !expected && !back && !carried_before_idp(step, sign_in, model) &&
      seen_once(step)) {
    note_glimpse(step, model);
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

void ToolState::sequence_done(WallTime when, std::string_view id) {
  if (!sequence_rule_) {
    sequence_rule_ = true;
    note(when, "the steps of " + std::string{id} + " were seen in order", {}, Role::signup);
  }
}

}  // namespace gnomon
