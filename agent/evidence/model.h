// The numbers behind the judgement, and the formula they go into.

#pragma once

#include <chrono>

#include "core/catalog/rule_pack.h"

namespace gnomon {

// Features are the facts about one user and tool that speak for or against a new account. What
// takes time is told by its share, 0 to 1: from nothing to as long as whoever is new needs.
struct Features {
  bool signup_host = false;    // a host that serves nothing but sign-up
  bool sequence = false;       // site, then sign-in, then the product, in time
  bool site_then_app = false;  // site, then the product; a sign-in on its own host stays unseen
  double site_read = 0;  // share: the public pages were read, not just passed, before the first use
  bool more_pages = false;       // more than one public page was opened before the first use
  bool login_then_app = false;   // sign-in, then the product, without the site before it
  bool app_first = false;        // the product's host came before its sign-in: an old bookmark
  bool sequence_rule = false;    // a sequence written for this tool in the catalogue
  bool first_ever = false;       // no earlier use by this user on this device
  bool new_tenant = false;       // a tenant label never seen here, right after a sign-in
  bool own_tenant = false;       // only the company's own part of the tool: no find, whatever else
  double form_time = 0;          // share: the sign-in took as long as filling in a form
  double slow_arrival = 0;       // share: from the first look to the product took minutes
  bool mail_click = false;       // a link in a mail led on, soon after the first contact
  bool captcha = false;          // a captcha while signing in
  bool company_sign_in = false;  // signed in through the company's own sign-in
  bool back_end_later = false;   // its back end, first contacted in a page load after the site's
  bool form_only = false;        // the sign-up page was opened, and nothing came of it
  bool one_look = false;         // the product was contacted in one page load and never after
  bool app_session = false;      // worked in the product, not just opened it
  bool second_day = false;       // came back on another day
  bool guest_only = false;       // only hosts that strangers reach too
  bool dns_only = false;         // names looked up, never connected to
};

// Model holds the weights. All that speaks for a sign-up stays below 14 in sum: what has that
// weight against it is a gate. A rule pack may carry others; what it leaves out keeps the default
// here. docs/how-it-judges.md says in words what they mean and how they were found.
struct Model {
  double bias = -6.0;
  double signup_host = 6.5;
  double sequence = 3.5;
  double site_then_app = 1.5;
  double site_read = 4.0;
  double more_pages = 0.5;
  double login_then_app = 1.5;
  double app_first = -1.5;
  double sequence_rule = 0.5;
  double first_ever = 2.0;
  double new_tenant = 0.5;
  double own_tenant = -14.0;
  double form_time = 2.5;
  double slow_arrival = 2.0;
  double mail_click = 1.5;
  double captcha = 0.7;
  double company_sign_in = -14.0;
  double back_end_later = 1.0;
  double form_only = -14.0;
  double one_look = -14.0;
  double app_session = 1.0;
  double second_day = 1.0;
  double guest_only = -2.0;
  double dns_only = -1.5;

  double signup_threshold = 0.8;  // from this probability on the stage is signup-likely

  std::chrono::seconds sequence_window{1800};  // from the site to the product
  std::chrono::seconds login_credit{600};  // a family's sign-in counts for the member that follows
  std::chrono::seconds idp_credit{120};    // a provider's sign-in counts for the tool that follows
  // Shares: nothing up to `from`, all of it from `full` on, by the logarithm in between.
  std::chrono::seconds site_read_from{10};  // on the public pages before the first use
  std::chrono::seconds site_read_full{40};
  std::chrono::seconds form_time_from{10};  // sign-in to product
  std::chrono::seconds form_time_full{40};
  std::chrono::seconds slow_arrival_from{25};  // first look to product
  std::chrono::seconds slow_arrival_full{90};
  // Silence that ends a page load. Pages go on for seconds: what loads late must not look opened.
  std::chrono::milliseconds burst_quiet{3000};
  std::chrono::seconds burst_longest{20};  // a page load is over after this at the latest
  std::chrono::seconds session_gap{1800};  // silence that ends a session
  unsigned session_flows = 3;              // flows within a session that mean work, not a look
  unsigned weak_company = 2;  // other hosts a weak host needs beside it before it means a visit
};

// model_of reads the weights of a pack over the defaults.
Model model_of(const RulePack& pack);

// share_of tells how much of the way from `from` to `full` a time is: 0 to 1, by its logarithm.
double share_of(std::chrono::seconds time, std::chrono::seconds from, std::chrono::seconds full);

// signup_probability is the logistic of the weighted features, 0 to 1.
double signup_probability(const Model& model, const Features& features);

}  // namespace gnomon
