// What a ToolState holds back until more is seen: contacts that another page may have made.

#include <algorithm>
#include <utility>

#include "agent/evidence/times.h"
#include "agent/evidence/tool_state.h"

namespace gnomon {
namespace {

using std::chrono::seconds;

// A frame or widget comes with one page; a person who opened a page does something there.
constexpr seconds kCarriedAgainAfter{5};
constexpr seconds kCarriedWithin{1800};

}  // namespace

// note_glimpse remembers a contact that is no use for itself: another page may have made it. When
// the product is reached soon after, it was most likely the first look at it.
void ToolState::note_glimpse(const Step& step, const Model& model) {
  if (step.audience == Audience::guest) {
    return;
  }
  const bool site = step.role == Role::site || step.shared_with_site;
  if (!site && within(glimpse_site_, step.when, kAnotherPageAfter)) {
    return;  // of the same page
  }
  auto& place = site ? glimpse_site_ : glimpse_use_;
  if (!within(place, step.when, model.sequence_window)) {
    place = step.when;
    glimpse_of_site_ = site ? step.role == Role::site && !step.shared_with_embed : glimpse_of_site_;
  }
}

// adopt_glimpse takes the glimpse of its public pages, or a look at those of its vendor, for the
// look that led here: sign-in or product were reached.
void ToolState::adopt_glimpse(WallTime when, const SignIn& sign_in, const Model& model) {
  if (inside_) {
    return;
  }
  if (within(last_site_, when, model.sequence_window)) {
    if (glimpse_site_ && site_begin_ && *glimpse_site_ < *site_begin_ &&
        within(glimpse_site_, when, model.sequence_window)) {
      site_begin_ = glimpse_site_;
    }
    return;
  }
  for (const auto& look : {glimpse_site_, sign_in.family_site}) {
    if (within(look, when, model.sequence_window) && when - *look >= kAnotherPageAfter) {
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

}  // namespace gnomon
