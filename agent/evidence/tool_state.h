// ToolState: all that is remembered about one user and one tool, and the judgement drawn from it.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/evidence/bursts.h"
#include "agent/evidence/maker.h"
#include "agent/evidence/model.h"
#include "core/contact.h"

namespace gnomon {

// Verdict is a stage with its confidence in thousandths.
struct Verdict {
  Stage stage = Stage::none;
  std::uint16_t confidence = 0;

  bool operator==(const Verdict&) const = default;
};

// Step is one sighting as the state sees it.
struct Step {
  WallTime when;
  Source source = Source::dns;
  Role role = Role::unknown;
  Audience audience = Audience::unknown;
  RuleConfidence confidence = RuleConfidence::high;
  RuleWeight weight = RuleWeight::normal;
  bool shared_with_site = false;    // the marketing pages live on the same host
  bool shared_with_signup = false;  // the sign-up form lives on the same host
  bool shared_with_embed = false;   // other people's pages load from the same host
  bool shared_with_api = false;     // programs call the same host
  LedBy led_by = LedBy::itself;
  bool behind_site = false;      // in a page load that the tool's public pages opened
  bool behind_shared = false;    // ... which share their host with the product
  Entry entry = Entry::unknown;  // from where the page load was opened
  std::uint32_t burst = 0;       // as in BurstView
  std::uint32_t run_begin = 0;
  Maker maker = Maker::unknown;
  std::string_view host;
  std::string_view tenant;
  TenantOwner tenant_owner = TenantOwner::unknown;
  bool mail_click = false;  // a host that only links in the tool's mails lead over
  bool by_alias = false;    // the company's own name leads to the tool: never a use
  bool repeat = false;      // the same host again within a second: a browser's second connection
};

// FormSign is a page load in which a robot check or a provider's button was loaded: such pages are
// mostly forms.
struct FormSign {
  WallTime when{};
  std::uint32_t burst = 0;         // as in BurstView; 0 for none
  std::optional<ToolIndex> after;  // as in BurstView
};

// SignIn is what is known of the user's sign-in just before a step.
struct SignIn {
  ToolIndex tool = 0;                    // the one it was asked for
  std::optional<WallTime> family_login;  // a sign-in host that the tool's family shares
  std::optional<WallTime> family_site;   // begin of the reading of public pages that it shares
  std::optional<WallTime> idp;           // an identity provider, opened and not just loaded
  std::string_view idp_name;
  std::uint32_t idp_burst = 0;  // as in BurstView
  bool idp_of_company = false;  // a host of one company's people at a provider for companies
  std::optional<WallTime> captcha;
  std::array<FormSign, 2> form_signs;  // of the last page loads that had one, newest first
  std::optional<WallTime> mail_click;
  std::string_view family_host;
};

// ToolState is a plain value, bounded in size, saved across restarts by state_codec.h. Every
// change happens in add() and settle(); verdict() only reads.
class ToolState {
 public:
  static constexpr std::size_t kMaxTenants = 8;
  static constexpr std::size_t kRoles = 12;
  static constexpr int kActiveWithinDays = 7;  // days that must hold two of use

  // add takes one hello, HTTP request or DNS question into account. `learning`: the device is
  // still in its learning period, so what is met now counts as known before.
  void add(const Step& step, const SignIn& sign_in, const Model& model, bool learning);

  // settle tells the state what came beside a weak host that led its burst; see Bursts::company.
  void settle(const Company& company, const Model& model);

  // provider_opened: an identity provider was opened at `when`, and the page load before it was the
  // tool's.
  void provider_opened(WallTime when, std::uint32_t burst, const SignIn& sign_in,
                       const Model& model);

  // page_hidden: after a page of the tool another one was most likely opened at `when`, whose own
  // host came over a connection that was still open.
  void page_hidden(WallTime when, std::uint32_t burst, const SignIn& sign_in, const Model& model);

  // screen_opened: the page opened at `when` brought what the screens of products bring, and
  // nothing that pages for the public do.
  void screen_opened(WallTime when, std::uint32_t burst, const SignIn& sign_in, const Model& model);

  // sequence_done records that a sequence of the catalogue was completed.
  void sequence_done(WallTime when, std::string_view id);

  // verdict judges by what is known at `now`.
  Verdict verdict(const Model& model, WallTime now) const;

  // probability_of_signup is the model's answer, whatever the stage.
  double probability_of_signup(const Model& model) const;

  // features are the facts the model weighs, for explanations and for fitting.
  Features features(const Model& model) const;

  bool pending() const { return weak_pending_.has_value(); }
  const std::vector<Evidence>& evidence() const { return evidence_; }
  const std::array<std::uint32_t, kRoles>& by_role() const { return by_role_; }
  const std::vector<std::string>& tenants() const { return tenants_; }
  WallTime first() const { return first_; }
  WallTime last() const { return last_; }
  bool used() const { return first_use_.has_value(); }

 private:
  friend class StateCodec;

  // Beside is a page of the tool that loaded while another site's page did. It counts once files or
  // a back end of its own follow: a link or picture on the other page does not bring those.
  struct Beside {
    Step step;
    std::string host;
    std::string tenant;
  };

  void note(WallTime when, std::string what, std::string_view host, Role role);
  bool is_expected(const Step& step, const SignIn& sign_in, const Model& model) const;
  void add_passive(const Step& step, const SignIn& sign_in, const Model& model);
  void add_api(const Step& step, const SignIn& sign_in, const Model& model, bool tool_led);
  void note_first_api(const Step& step, const SignIn& sign_in, const Model& model);
  void note_back_end(const Step& step, const Model& model);
  void add_page(const Step& step, const SignIn& sign_in, const Model& model, bool tool_led);
  void hold_beside(const Step& step);
  void note_glimpse(const Step& step, const Model& model);
  void adopt_glimpse(WallTime when, const SignIn& sign_in, const Model& model);
  void confirm_beside(const Step& step, const SignIn& sign_in, const Model& model);
  void note_mail_click(const Step& step, const SignIn& sign_in, const Model& model);
  void note_return(const Step& step, const SignIn& sign_in, const Model& model);
  void note_steps(const Step& step, const SignIn& sign_in, const Model& model, bool after_idp);
  void note_tenant(const Step& step, bool after_login);
  void note_use_burst(const Step& step);
  void note_session(const Step& step, const Model& model, bool ambiguous);
  bool carried_before_idp(const Step& step, const SignIn& sign_in, const Model& model);
  bool returned(const Step& step, const SignIn& sign_in, const Model& model) const;
  bool returned_from_idp(const Step& step, const SignIn& sign_in, const Model& model) const;
  bool met_before(WallTime when, const Model& model) const;
  void note_use(const Step& step, const SignIn& sign_in, const Model& model);
  void note_product(const Step& step, const SignIn& sign_in, const Model& model);
  void note_again(WallTime when, const char* what, const char* again, std::string_view host,
                  Role role);
  bool sent_to_idp(const SignIn& sign_in, const Model& model) const;
  void note_site(const Step& step, const Model& model);
  void note_first_use(const Step& step, const SignIn& sign_in, const Model& model);
  std::optional<WallTime> form_page(const Step& step, const SignIn& sign_in) const;
  void note_provider(WallTime when, const SignIn& sign_in);
  void opened_straight(WallTime when, std::uint32_t burst);
  void note_from_own_form(const Step& step, const SignIn& sign_in, const Model& model);
  void note_arrival(WallTime when, const Model& model);
  void note_form_time(std::optional<WallTime> begin, const Step& step, const Model& model);
  WallTime reached(WallTime begin, WallTime when) const;
  std::optional<WallTime> form_begin(const Step& step, const SignIn& sign_in,
                                     const Model& model) const;
  void note_program(const Step& step);
  bool seen_once(const Step& step);
  void mark_day(WallTime when);
  unsigned days_within(WallTime now, int days) const;
  void close_session_if_over(WallTime when, const Model& model);

  WallTime first_{};
  WallTime last_{};
  std::array<std::uint32_t, kRoles> by_role_{};  // sightings, DNS included
  std::uint32_t hellos_ = 0;                     // sightings that were connections
  std::uint32_t use_hellos_ = 0;                 // of them, led by the tool itself and no embed
  std::uint32_t guest_hellos_ = 0;               // of them, on hosts that strangers reach too

  bool known_before_ = false;           // first met in the learning period
  std::optional<WallTime> first_use_;   // first contact with sign-up, sign-in or product
  std::optional<WallTime> last_use_;    // last contact with the product itself
  std::optional<WallTime> last_site_;   // marketing pages, or a host they share
  std::optional<WallTime> site_begin_;  // first of the run of contacts that last_site_ ends
  std::optional<WallTime> carried_;     // first contact with a host that other pages carry too
  std::optional<WallTime> last_login_;  // own sign-in, or the family's, credited
  std::optional<WallTime> first_login_;
  std::int32_t last_day_ = 0;  // days since 1970 of the newest bit in days_
  std::uint64_t days_ = 0;     // bit n: the product was used n days before last_day_
  std::int32_t last_api_day_ = 0;
  std::uint8_t api_days_ = 0;  // days on which a program called the API, at most 255

  // The running session with the product.
  std::optional<WallTime> session_begin_;
  std::optional<WallTime> session_last_;
  std::uint32_t session_flows_ = 0;

  // The longest that was seen, in whole seconds as they are saved; zero for not at all.
  std::chrono::seconds read_{};       // of its public pages, before the first use
  std::chrono::seconds form_time_{};  // from the form to the product
  std::chrono::seconds way_{};        // from the first look to the product

  // What stays true once it was seen.
  bool signup_host_ = false;
  bool sequence_ = false;
  bool site_then_app_ = false;
  bool more_pages_ = false;  // more than one public page was opened before the first use
  bool login_then_app_ = false;
  bool app_first_ = false;
  bool inside_ = false;  // the product itself was opened, beyond hosts that its public pages share
  bool sequence_rule_ = false;
  bool new_tenant_ = false;
  bool own_tenant_ = false;    // the company's own part of the tool was contacted
  bool other_tenant_ = false;  // another part than the company's own was
  bool mail_click_ = false;
  bool captcha_ = false;
  bool company_sign_in_ = false;  // signed in through the company's own sign-in
  bool app_session_ = false;
  bool exclusive_use_ = false;  // a host that only account holders reach
  bool form_host_ = false;  // the product's host was opened, and its sign-up form lives there too
  bool back_end_ = false;   // the product's back end was contacted from its own pages
  bool back_end_later_ = false;  // ... first in a page load after the public pages
  bool invited_ = false;         // first met by a link in a mail or chat
  bool site_asks_ = false;       // what was taken for public pages may have been the product itself
  bool later_use_ = false;       // the product was contacted in more than one page load
  bool guest_seen_ = false;
  bool program_api_ = false;
  bool browser_api_ = false;
  RuleConfidence best_rule_ = RuleConfidence::low;  // of the rules behind uses

  // What waits for company within a page load or a sitting; not kept across restarts.
  std::optional<WallTime> glimpse_site_;  // a contact that did not count: with its public pages
  bool glimpse_of_site_ = false;          // ... which no other page carries
  std::optional<WallTime> glimpse_use_;   // ... with sign-in or product
  // A page after the public ones that is most likely the form: on the product's host where they
  // have another, or hidden and followed by a provider.
  std::optional<WallTime> shared_form_;
  std::optional<WallTime> hidden_page_;  // after its public pages, of a kind not known
  bool arrived_ = false;                 // one of its screens was seen
  bool came_back_ = false;               // a hidden page followed its form
  bool sent_on_ = false;                 // from its form to a provider, and not seen back yet
  std::uint32_t own_burst_ = 0;          // the last page load with a contact of the tool
  std::uint32_t own_burst_before_ = 0;
  std::optional<WallTime> weak_pending_;  // a weak host led a burst; settle() decides
  std::string weak_host_;
  std::optional<Beside> beside_;
  std::uint32_t carried_burst_ = 0;
  std::uint32_t site_burst_ = 0;
  bool site_shared_ = false;  // the run of public pages began on a host they share with the product
  std::uint32_t use_burst_ = 0;
  std::uint32_t login_burst_ = 0;  // that the running sign-in began with
  std::size_t announced_api_ = 0;  // hash of the API host that its public pages called

  std::vector<std::string> tenants_;
  std::vector<Evidence> evidence_;
};

}  // namespace gnomon
