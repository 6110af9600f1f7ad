// What a ToolState concludes from one contact that counts: site, sign-in, product.

#include <algorithm>

#include "agent/evidence/times.h"
#include "agent/evidence/tool_state.h"

namespace gnomon {
namespace {

using std::chrono::seconds;

bool is_product(Role role) {
  return role == Role::app || role == Role::client;
}

}  // namespace

void ToolState::note_site(const Step& step, const Model& model) {
  if (!within(last_site_, step.when, model.sequence_window)) {
    site_begin_ = step.when;
    site_burst_ = step.burst;
    site_shared_ = step.role != Role::site;
    shared_form_.reset();
  }
  last_site_ = step.when;
  if (step.role != Role::site && !site_shared_ && step.burst != site_burst_ && !shared_form_) {
    shared_form_ = step.when;
  }
  if (step.role == Role::site && !first_use_ && step.burst != site_burst_ &&
      step.when - *site_begin_ >= kAnotherPageAfter) {
    more_pages_ = true;
    note(step.when, "more than one of its public pages was opened", step.host, step.role);
  }
}

void ToolState::note_first_use(const Step& step, const SignIn& sign_in, const Model& model) {
  const WallTime when = step.when;
  if (first_use_) {
    return;
  }
  first_use_ = when;
  if (!within(last_site_, when, model.sequence_window) || !site_begin_ || site_asks_) {
    return;
  }
  const std::optional<WallTime> form =
      last_login_ && *last_login_ > *site_begin_ ? last_login_ : form_page(step, sign_in);
  const WallTime end = std::min(reached(*site_begin_, when), form.value_or(when));
  // Where the form is on the host of the public pages and did not show, part of the time is its
  // own.
  const bool hides_form = site_shared_ && !last_login_ && !form;
  const auto read = std::chrono::floor<seconds>(end - *site_begin_) -
                    (hides_form ? model.form_time_from : seconds{0});
  read_ = std::max(read_, read);
  if (share_of(read, model.site_read_from, model.site_read_full) >= kWorthTelling) {
    note(when, "its public pages were read first, for " + time_words(read), {}, Role::site);
  }
}

void ToolState::note_use(const Step& step, const SignIn& sign_in, const Model& model) {
  ++use_hellos_;
  const bool guest_host = step.audience == Audience::guest || step.audience == Audience::both;
  guest_hellos_ += guest_host ? 1 : 0;
  // Sent here by somebody: the first contact ever came by a link, to a host that strangers reach.
  invited_ = invited_ || (guest_host && use_hellos_ == 1 && !known_before_ &&
                          step.led_by == LedBy::itself && step.entry == Entry::message);
  best_rule_ = std::max(best_rule_, step.confidence);
  if (step.audience == Audience::guest) {
    guest_seen_ = true;
    note(step.when, "reached as somebody's guest", step.host, step.role);
    return;
  }
  switch (step.role) {
    case Role::site:
      note_site(step, model);
      note(step.when, "visited its public pages", step.host, step.role);
      return;
    case Role::signup:
      adopt_glimpse(step.when, sign_in, model);
      signup_host_ = true;
      note_first_use(step, sign_in, model);
      note(step.when, "opened its sign-up page", step.host, step.role);
      return;
    case Role::login:
      if (step.behind_site && !step.behind_shared) {
        note(step.when, "its public pages ask who is signed in", step.host, step.role);
        return;
      }
      adopt_glimpse(step.when, sign_in, model);
      site_asks_ = false;  // nobody was signed in
      // A run of contacts is one sign-in: how long it took is counted from its first.
      if (!within(last_login_, step.when, model.login_credit)) {
        last_login_ = step.when;
        login_burst_ = step.burst;
      }
      first_login_ = first_login_.value_or(step.when);
      app_first_ = app_first_ || (inside_ && !login_then_app_ && !site_then_app_);
      note_first_use(step, sign_in, model);
      note(step.when, "opened its sign-in page", step.host, step.role);
      return;
    default:
      break;
  }
  if (is_product(step.role)) {
    note_product(step, sign_in, model);
  }
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
  const bool after_idp = returned_from_idp(step, sign_in, model);
  const bool after_login = within(last_login_, step.when, model.sequence_window) || after_idp;
  // Public pages make connections in advance, and some ask the back end who is signed in. A host
  // that only the product's own sessions contact is none of them.
  // Beside another tab they do so without leading the page load.
  const bool beside_site =
      step.led_by == LedBy::other && (within(last_site_, step.when, kAnotherPageAfter) ||
                                      within(glimpse_site_, step.when, kAnotherPageAfter));
  const bool announced = (step.behind_site || beside_site) && step.weight != RuleWeight::strong &&
                         !inside_ && !after_login;
  const bool ambiguous =
      announced || (step.role == Role::app && step.shared_with_site && !after_login && !inside_);

  note_tenant(step, after_login);
  const bool first_form = first_use_ && last_login_ && *first_use_ == *last_login_;
  if (step.burst == login_burst_ && step.led_by != LedBy::itself && !inside_ && first_form) {
    note(step.when, "contacted while its sign-in page loaded", step.host, step.role);
    return;
  }
  if (ambiguous) {
    // The landing page and the product answer on one host: until something else is seen, a look.
    // Neither is a connection that the public pages made in advance.
    if (!session_last_ || !inside_) {
      note_site(step, model);
    }
    // An open session and a page that asks who is signed in look the same on a shared host.
    site_asks_ = site_asks_ || (step.behind_shared && step.role == Role::client);
    note(step.when,
         announced ? "contacted while its public pages loaded"
                   : "opened; its public pages and the product share this host",
         step.host, step.role);
  } else {
    note_steps(step, sign_in, model, after_idp);
  }
  note_session(step, model, ambiguous);
}

void ToolState::note_tenant(const Step& step, bool after_login) {
  if (step.tenant.empty() ||
      std::find(tenants_.begin(), tenants_.end(), step.tenant) != tenants_.end()) {
    return;
  }
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
  if (step.tenant_owner == TenantOwner::own) {
    own_tenant_ = true;
    return;
  }
  other_tenant_ = true;
  new_tenant_ = new_tenant_ || (after_login && step.audience != Audience::both);
}

// note_steps: the product itself was opened. What led here, and how long did it take?
void ToolState::note_steps(const Step& step, const SignIn& sign_in, const Model& model,
                           bool after_idp) {
  adopt_glimpse(step.when, sign_in, model);
  const bool from_login = within(last_login_, step.when, model.sequence_window);
  const bool after_login = from_login || after_idp;
  const WallTime signed_in = from_login ? *last_login_ : after_idp ? *sign_in.idp : step.when;
  site_asks_ = site_asks_ && !after_login;
  const bool from_site =
      !inside_ && !site_asks_ && within(last_site_, signed_in, model.sequence_window);
  sequence_ = sequence_ || (from_site && after_login);
  site_then_app_ = site_then_app_ || (from_site && !after_login);
  login_then_app_ = login_then_app_ || after_login;
  // Only what comes first after the form tells how long the form took.
  const bool first_since = !last_use_ || *last_use_ < signed_in;
  if (after_login ? first_since : !inside_) {
    note_form_time(form_begin(step, sign_in, model), step, model);
  }
  if (!inside_) {
    note_arrival(step.when, model);
  } else if (!after_login) {
    note_from_own_form(step, sign_in, model);
  }
  if (step.role == Role::client && !back_end_) {
    note_back_end(step, model);
  }
  form_host_ = form_host_ || (step.role == Role::app && !inside_);
  captcha_ = captcha_ || (from_login && within(sign_in.captcha, step.when, seconds{300}));
  if (within(sign_in.mail_click, step.when, seconds{10}) || step.entry == Entry::message) {
    mail_click_ = mail_click_ || met_before(step.when, model);
    note(step.when, "opened from a link in a mail or chat", step.host, step.role);
  }
  if (after_idp) {
    note_provider(*sign_in.idp, sign_in);
  }
  if (step.role == Role::client) {
    note_again(step.when, "the product's own back end contacted: somebody works in it",
               "its back end contacted again after a pause: still or again at work", step.host,
               step.role);
  } else {
    note_again(step.when, "opened the product's own screens",
               "its screens opened again after a pause", step.host, step.role);
  }
  note_first_use(step, sign_in, model);
  inside_ = true;
}

// note_back_end: the product's back end is contacted for the first time. Where its form lives on
// the product's own host, the time until then is the time at the form.
void ToolState::note_back_end(const Step& step, const Model& model) {
  const bool at_form = form_host_ && !within(last_login_, step.when, model.sequence_window) &&
                       within(first_use_, step.when, model.login_credit);
  if (at_form && !back_end_ && !arrived_) {
    note_form_time(first_use_, step, model);
  }
  if (!login_then_app_ && !arrived_) {
    note_arrival(step.when, model);
  }
  back_end_ = true;
}

void ToolState::note_use_burst(const Step& step) {
  later_use_ = later_use_ || (use_burst_ != 0 && step.burst != use_burst_);
  use_burst_ = use_burst_ == 0 ? step.burst : use_burst_;
}

void ToolState::note_session(const Step& step, const Model& model, bool ambiguous) {
  if (!ambiguous) {
    note_use_burst(step);
  }
  session_begin_ = session_begin_.value_or(step.when);
  session_last_ = step.when;
  session_flows_ += step.repeat ? 0 : 1;
  last_use_ = step.when;
  if (ambiguous) {
    return;
  }
  const bool exclusive = step.audience == Audience::user && !step.shared_with_site;
  exclusive_use_ = exclusive_use_ || exclusive;
  const bool strong = step.weight == RuleWeight::strong && exclusive;
  if (strong || session_flows_ >= model.session_flows) {
    if (!app_session_) {
      note(step.when, "stayed and worked in it", step.host, step.role);
    }
    app_session_ = true;
  }
  const unsigned before = days_within(step.when, kActiveWithinDays);
  mark_day(step.when);
  if (before > 0 && days_within(step.when, kActiveWithinDays) > before) {
    note(step.when, "came back on another day", step.host, step.role);
  }
}

}  // namespace gnomon
