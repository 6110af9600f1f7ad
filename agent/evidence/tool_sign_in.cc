// What a ToolState makes of a way in: the form, the identity provider, the mail, and the way back.

#include <algorithm>
#include <utility>

#include "agent/evidence/times.h"
#include "agent/evidence/tool_state.h"

namespace gnomon {
namespace {

using std::chrono::seconds;

// From a click in a mail to what it opens; nobody reads mail faster.
constexpr seconds kClickLeads{10};

}  // namespace

// form_page is when a page of the tool was opened, after its public pages and before `step`, that
// is most likely its form: it brought a robot check or a provider's button, or it is on the
// product's host while the public pages have one of their own.
std::optional<WallTime> ToolState::form_page(const Step& step, const SignIn& sign_in) const {
  std::optional<WallTime> page = shared_form_;
  for (const FormSign& sign : sign_in.form_signs) {
    const bool own = sign.burst == own_burst_ || sign.burst == own_burst_before_ ||
                     (sign.after && *sign.after == sign_in.tool);
    if (sign.burst != 0 && own && sign.burst != step.burst && sign.burst != site_burst_) {
      page = page ? std::min(*page, sign.when) : sign.when;
    }
  }
  const bool after_site = page && site_begin_ && *page >= *site_begin_ + kAnotherPageAfter;
  return after_site && *page < step.when ? page : std::nullopt;
}

// form_begin is when the form was opened that leads to a product contact at `when`: its sign-in, or
// the product's own host before an identity provider was.
std::optional<WallTime> ToolState::form_begin(const Step& step, const SignIn& sign_in,
                                              const Model& model) const {
  const WallTime when = step.when;
  if (within(last_login_, when, model.sequence_window)) {
    return last_login_;
  }
  std::optional<WallTime> begin = form_page(step, sign_in);
  const bool sent_on = sign_in.idp && first_use_ && *first_use_ < *sign_in.idp;
  if (sent_on && within(first_use_, when, model.login_credit)) {
    begin = begin ? std::min(*begin, *first_use_) : *first_use_;
  }
  return within(begin, when, model.login_credit) ? begin : std::nullopt;
}

void ToolState::note_form_time(std::optional<WallTime> begin, const Step& step,
                               const Model& model) {
  if (!begin || step.when <= *begin) {
    return;
  }
  const auto took = std::chrono::floor<seconds>(reached(*begin, step.when) - *begin);
  const bool told =
      share_of(form_time_, model.form_time_from, model.form_time_full) >= kWorthTelling;
  form_time_ = std::max(form_time_, took);
  if (!told && share_of(took, model.form_time_from, model.form_time_full) >= kWorthTelling) {
    note(step.when, "the sign-in took " + time_words(took) + ", as filling in a form does", {},
         Role::login);
  }
}

// note_arrival: the product itself is reached. How long did the way take, from the first look at
// the tool in this sitting? Who has an account signs in; who has none reads, and fills in a form.
void ToolState::note_arrival(WallTime when, const Model& model) {
  WallTime begin = when;
  for (const auto& earlier : {site_begin_, first_login_, first_use_}) {
    if (within(earlier, when, model.sequence_window)) {
      begin = std::min(begin, *earlier);
    }
  }
  const auto took = std::chrono::floor<seconds>(reached(begin, when) - begin);
  const bool told =
      share_of(way_, model.slow_arrival_from, model.slow_arrival_full) >= kWorthTelling;
  way_ = std::max(way_, took);
  if (!told && share_of(took, model.slow_arrival_from, model.slow_arrival_full) >= kWorthTelling) {
    note(when, "from the first look to the product it took " + time_words(took), {}, Role::unknown);
  }
}

// reached is when sign-in or product were reached after `begin`: at `when`, or before, at a contact
// that was not counted because another page loaded at the same time.
WallTime ToolState::reached(WallTime begin, WallTime when) const {
  return glimpse_use_ && *glimpse_use_ > begin ? std::min(*glimpse_use_, when) : when;
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

bool ToolState::returned_from_idp(const Step& step, const SignIn& sign_in,
                                  const Model& model) const {
  // The public pages that a vendor's tools share speak for the one whose page is opened next.
  const bool led = step.led_by == LedBy::itself || step.led_by == LedBy::own;
  const bool from_family = led && sign_in.idp &&
                           within(sign_in.family_site, step.when, model.sequence_window) &&
                           *sign_in.idp >= *sign_in.family_site + model.burst_quiet;
  return within(sign_in.idp, step.when, model.idp_credit) && step.burst != sign_in.idp_burst &&
         (sent_to_idp(sign_in, model) || from_family);
}

// returned: the person was sent to an identity provider, or from the sign-in to a mail, and the
// link in it was opened just now.
bool ToolState::returned(const Step& step, const SignIn& sign_in, const Model& model) const {
  const bool from_mail = within(last_login_, step.when, model.sequence_window) &&
                         within(sign_in.mail_click, step.when, kClickLeads) &&
                         *sign_in.mail_click - *last_login_ >= kClickLeads;
  return from_mail || returned_from_idp(step, sign_in, model);
}

// provider_opened: what follows may come over connections that the form's page made, and stay
// unseen.
void ToolState::provider_opened(WallTime when, std::uint32_t burst, const SignIn& sign_in,
                                const Model& model) {
  Step step;
  step.when = when;
  step.burst = burst;
  const bool at_form = within(last_login_, when, model.login_credit) ||
                       (form_host_ && within(last_use_, when, model.login_credit)) ||
                       within(form_page(step, sign_in), when, model.login_credit) ||
                       within(hidden_page_, when, model.idp_credit);
  if (!at_form || app_session_) {
    return;
  }
  if (within(hidden_page_, when, model.idp_credit)) {
    shared_form_ = shared_form_ ? std::min(*shared_form_, *hidden_page_) : *hidden_page_;
  }
  note_first_use(step, sign_in, model);
  const bool from_site = within(last_site_, when, model.sequence_window);
  sequence_ = sequence_ || from_site;
  sent_on_ = sent_on_ || !login_then_app_;
  login_then_app_ = true;
  note_provider(when, sign_in);
}

void ToolState::page_hidden(WallTime when, std::uint32_t burst, const SignIn& sign_in,
                            const Model& model) {
  const bool signed_in = within(last_login_, when, model.login_credit);
  if (!signed_in && !(form_host_ && within(last_use_, when, model.login_credit))) {
    const bool after_site = site_begin_ && when - *site_begin_ >= kAnotherPageAfter;
    hidden_page_ = after_site && !inside_ ? std::optional{when} : hidden_page_;
    return;
  }
  later_use_ = true;
  const WallTime opened = signed_in ? *last_login_ : first_use_.value_or(when);
  if (came_back_ || arrived_ || when - opened < model.burst_quiet ||
      (last_use_ && *last_use_ > opened)) {
    return;
  }
  came_back_ = true;
  Step step;
  step.when = when;
  step.burst = burst;
  const auto form = form_begin(step, sign_in, model);
  note_form_time(form ? form : first_use_, step, model);
  note_arrival(when, model);
  if (signed_in) {
    sequence_ = sequence_ || within(last_site_, *last_login_, model.sequence_window);
    login_then_app_ = true;
    inside_ = true;
    mark_day(when);
  }
  last_use_ = when;
  note(when, "another page was opened after its form, on a connection that was still open", {},
       Role::unknown);
}

void ToolState::screen_opened(WallTime when, std::uint32_t burst, const SignIn& sign_in,
                              const Model& model) {
  Step step;
  step.when = when;
  step.burst = burst;
  const bool after_login = within(last_login_, when, model.sequence_window);
  const bool from_site = within(last_site_, when, model.sequence_window) && site_begin_ &&
                         when - *site_begin_ >= kAnotherPageAfter;
  later_use_ = later_use_ || inside_;  // not its form: that is no screen
  arrived_ = true;
  if (inside_) {
    return;
  }
  if (!after_login && !from_site) {
    opened_straight(when, burst);
    return;
  }
  note_form_time(form_begin(step, sign_in, model), step, model);
  note_first_use(step, sign_in, model);
  sequence_ = sequence_ || (after_login && within(last_site_, *last_login_, model.sequence_window));
  site_then_app_ = site_then_app_ || (from_site && !after_login);
  login_then_app_ = login_then_app_ || after_login;
  note_arrival(when, model);
  inside_ = true;
  last_use_ = when;
  later_use_ = true;  // not the form: a form brings less
  mark_day(when);
  note(when, "a page of it loaded what the screens of products load, and no advertising", {},
       Role::app);
}

// opened_straight: the first page of all on a host that public pages share was a screen. There were
// no public pages.
void ToolState::opened_straight(WallTime when, std::uint32_t burst) {
  if (site_burst_ != burst || !site_shared_) {
    return;
  }
  site_begin_.reset();
  last_site_.reset();
  first_use_ = first_use_.value_or(when);
  last_use_ = when;
  inside_ = true;
  mark_day(when);
  note(when, "opened straight: its first page loaded what the screens of products load", {},
       Role::app);
}

// note_from_own_form: where the form is on the product's own host, the first page there was the
// form, and the next is the product.
void ToolState::note_from_own_form(const Step& step, const SignIn& sign_in, const Model& model) {
  // Without public pages before it, it may be a bookmark that was sent to its sign-in, and what
  // came then stayed hidden. Once something else of the product was seen, that was the product.
  if (!within(last_site_, step.when, model.sequence_window)) {
    return;
  }
  if (came_back_ || step.burst == use_burst_ || own_burst_before_ != use_burst_ || app_session_ ||
      back_end_ || arrived_) {
    return;
  }
  for (const FormSign& sign : sign_in.form_signs) {
    if (sign.burst != 0 && sign.burst == use_burst_ &&
        step.when - sign.when <= model.login_credit) {
      came_back_ = true;
      note_form_time(sign.when, step, model);
      note_arrival(step.when, model);
      return;
    }
  }
}

// note_provider: the sign-in went through an identity provider, opened at `when`.
void ToolState::note_provider(WallTime when, const SignIn& sign_in) {
  company_sign_in_ = company_sign_in_ || sign_in.idp_of_company;
  if (!sign_in.idp_name.empty()) {
    note(when, "hint: signed in through " + std::string{sign_in.idp_name}, {}, Role::idp);
  }
}

// note_return: an identity provider was opened from the tool's pages, or its sign-in was, and what
// comes next are the tool's own files or back end. The page came over a connection still open.
void ToolState::note_return(const Step& step, const SignIn& sign_in, const Model& model) {
  adopt_glimpse(step.when, sign_in, model);
  const bool after_idp = returned_from_idp(step, sign_in, model);
  const WallTime signed_in = after_idp ? *sign_in.idp : last_login_.value_or(step.when);
  const bool from_site = within(last_site_, signed_in, model.sequence_window);
  if (std::exchange(sent_on_, false) || !login_then_app_) {
    note_form_time(form_begin(step, sign_in, model), step, model);
  }
  note_first_use(step, sign_in, model);
  sequence_ = sequence_ || (from_site && !inside_);
  login_then_app_ = true;
  if (!inside_) {
    note_arrival(step.when, model);
  }
  inside_ = true;
  if (after_idp) {
    note_provider(*sign_in.idp, sign_in);
  }
  note_use_burst(step);
  last_use_ = step.when;
  note(step.when, "its own files loaded after the sign-in", step.host, Role::asset);
}

// note_mail_click: the tool's own mail was clicked. Soon after the first look at the tool it is
// most likely the one that asks to confirm an address; at any other time it says nothing.
void ToolState::note_mail_click(const Step& step, const SignIn& sign_in, const Model& model) {
  if (met_before(step.when, model)) {
    mail_click_ = true;
    const auto form = form_begin(step, sign_in, model);
    const bool sitting = within(first_use_, step.when, model.login_credit);
    note_form_time(form || !sitting ? form : first_use_, step, model);
    note_first_use(step, sign_in, model);
    note(step.when, "a link in its mail was opened, soon after the first look at it", step.host,
         step.role);
  }
}

// met_before: the person looked at the tool a while ago, and not longer than one sitting.
bool ToolState::met_before(WallTime when, const Model& model) const {
  const auto earlier = [&](const std::optional<WallTime>& then) {
    return within(then, when, model.sequence_window) && when - *then >= seconds{10};
  };
  return earlier(site_begin_) || earlier(first_login_) || earlier(first_use_);
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

}  // namespace gnomon
