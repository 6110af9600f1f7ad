#include "agent/evidence/sign_ins.h"

#include <algorithm>
#include <array>

namespace gnomon {
namespace {

// Mail services track clicks under a name of the sender's own ("links.example.com"), which the
// catalogue rarely lists: under a known tool, the first label tells.
bool is_branded_click(const Match& match) {
  constexpr std::array<std::string_view, 8> kLabels{"click", "clicks", "email",   "em",
                                                    "link",  "links",  "mailing", "track"};
  if (match.meaning != Meaning::tool && match.meaning != Meaning::family) {
    return false;
  }
  const std::string_view host = match.sighting.host;
  const std::string_view label = host.substr(0, host.find('.'));
  return match.confidence == RuleConfidence::low &&
         std::find(kLabels.begin(), kLabels.end(), label) != kLabels.end();
}

}  // namespace

bool is_mail_click(const Match& match) {
  return match.role == Role::link || is_branded_click(match);
}

SignIns::Recent& SignIns::recent_of(const std::string& user, WallTime when) {
  if (users_.size() >= kMaxUsers && !users_.contains(user)) {
    users_.erase(std::min_element(users_.begin(), users_.end(), [](const auto& a, const auto& b) {
      return a.second.last < b.second.last;
    }));
  }
  Recent& recent = users_[user];
  recent.last = when;
  return recent;
}

void SignIns::note(const std::string& user, const Match& match, BurstView burst,
                   std::string_view family, const Model& model) {
  if (match.sighting.source == Source::dns) {
    return;
  }
  const WallTime when = match.sighting.when;
  Recent& recent = recent_of(user, when);
  // Many pages load a provider's script ("sign in with one tap"). Only a provider that was opened,
  // in a page load that no other page leads, says that somebody signs in.
  if (match.is(Meaning::idp) && burst.led_by == LedBy::unclear) {
    recent.idp = when;
    recent.idp_burst = burst.number;
    recent.idp_of_company = match.account == AccountKind::work && !match.tenant.empty() &&
                            match.owner != TenantOwner::foreign;
    recent.idp_name = match.name;
    if (recent.idp_of_company) {
      recent.idp_name = "the company's own sign-in at " + match.name;
    } else if (match.account == AccountKind::work) {
      recent.idp_name += " (usually a work account)";
    } else if (match.account == AccountKind::personal) {
      recent.idp_name += " (usually a private account)";
    }
  }
  if ((match.is(Meaning::captcha) || match.is(Meaning::idp)) &&
      recent.form_signs.front().burst != burst.number) {
    recent.form_signs = {FormSign{when, burst.number, burst.after}, recent.form_signs.front()};
  }
  if (match.is(Meaning::captcha)) {
    recent.captcha = when;
  }
  // Pages carry links' hosts as pixels too: what another page's load brings was not clicked.
  if (match.is(Meaning::mail_click) || (is_mail_click(match) && burst.led_by != LedBy::other)) {
    recent.mail_click = when;
  }
  if (match.meaning == Meaning::family) {
    // Pages ask the family's sign-in who is there: only where it leads somebody signs in.
    if (match.role != Role::login || burst.led_by == LedBy::itself ||
        burst.led_by == LedBy::unclear) {
      note_family(recent, match, family, model);
    }
  }
}

void SignIns::note_family(Recent& recent, const Match& match, std::string_view family,
                          const Model& model) {
  const WallTime when = match.sighting.when;
  if (match.role != Role::login && match.role != Role::site) {
    return;
  }
  if (recent.families.size() >= kMaxFamilies && !recent.families.contains(family)) {
    recent.families.erase(recent.families.begin());
  }
  Family& known = recent.families[std::string{family}];
  if (match.role == Role::login) {
    // The first of a run of contacts: how long the sign-in took is counted from there.
    if (!known.login || when - *known.login > model.login_credit) {
      known.login = when;
      known.login_host = match.sighting.host;
    }
    return;
  }
  if (!known.site_begin || when - known.site_last > model.sequence_window) {
    known.site_begin = when;
  }
  known.site_last = when;
}

SignIn SignIns::before(const std::string& user, ToolIndex tool, std::string_view family) const {
  SignIn sign_in;
  const auto found = users_.find(user);
  if (found == users_.end()) {
    return sign_in;
  }
  const Recent& recent = found->second;
  if (const auto known = recent.families.find(family); known != recent.families.end()) {
    sign_in.family_login = known->second.login;
    sign_in.family_host = known->second.login_host;
    sign_in.family_site = known->second.site_begin;
  }
  sign_in.idp = recent.idp;
  sign_in.idp_name = recent.idp_name;
  sign_in.idp_of_company = recent.idp_of_company;
  sign_in.idp_burst = recent.idp_burst;
  sign_in.form_signs = recent.form_signs;
  sign_in.tool = tool;
  sign_in.captcha = recent.captcha;
  sign_in.mail_click = recent.mail_click;
  return sign_in;
}

}  // namespace gnomon
