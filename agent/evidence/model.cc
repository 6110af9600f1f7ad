#include "agent/evidence/model.h"

#include <cmath>
#include <cstdint>

namespace gnomon {
namespace {

void read(const RulePack& pack, std::string_view name, double& value) {
  if (const auto known = pack.weight(name)) {
    value = *known;
  }
}

template <typename Duration>
void read_duration(const RulePack& pack, std::string_view name, Duration& value) {
  // A pack is signed, but a typing error in it must not make windows of a century.
  constexpr double kLongest = 86'400'000;
  if (const auto known = pack.weight(name); known && *known > 0 && *known < kLongest) {
    value = Duration{static_cast<typename Duration::rep>(*known)};
  }
}

void read_count(const RulePack& pack, std::string_view name, unsigned& value) {
  if (const auto known = pack.weight(name); known && *known >= 1 && *known <= 1000) {
    value = static_cast<unsigned>(*known);
  }
}

}  // namespace

Model model_of(const RulePack& pack) {
  Model model;
  read(pack, "bias", model.bias);
  read(pack, "signup_host", model.signup_host);
  read(pack, "sequence", model.sequence);
  read(pack, "site_then_app", model.site_then_app);
  read(pack, "site_read", model.site_read);
  read(pack, "more_pages", model.more_pages);
  read(pack, "login_then_app", model.login_then_app);
  read(pack, "app_first", model.app_first);
  read(pack, "sequence_rule", model.sequence_rule);
  read(pack, "first_ever", model.first_ever);
  read(pack, "new_tenant", model.new_tenant);
  read(pack, "own_tenant", model.own_tenant);
  read(pack, "form_time", model.form_time);
  read(pack, "slow_arrival", model.slow_arrival);
  read(pack, "mail_click", model.mail_click);
  read(pack, "captcha", model.captcha);
  read(pack, "company_sign_in", model.company_sign_in);
  read(pack, "back_end_later", model.back_end_later);
  read(pack, "form_only", model.form_only);
  read(pack, "one_look", model.one_look);
  read(pack, "app_session", model.app_session);
  read(pack, "second_day", model.second_day);
  read(pack, "guest_only", model.guest_only);
  read(pack, "dns_only", model.dns_only);
  read(pack, "signup_threshold", model.signup_threshold);
  read_duration(pack, "sequence_window_s", model.sequence_window);
  read_duration(pack, "login_credit_s", model.login_credit);
  read_duration(pack, "idp_credit_s", model.idp_credit);
  read_duration(pack, "site_read_from_s", model.site_read_from);
  read_duration(pack, "site_read_full_s", model.site_read_full);
  read_duration(pack, "form_time_from_s", model.form_time_from);
  read_duration(pack, "form_time_full_s", model.form_time_full);
  read_duration(pack, "slow_arrival_from_s", model.slow_arrival_from);
  read_duration(pack, "slow_arrival_full_s", model.slow_arrival_full);
  read_duration(pack, "burst_quiet_ms", model.burst_quiet);
  read_duration(pack, "burst_longest_s", model.burst_longest);
  read_duration(pack, "session_gap_s", model.session_gap);
  read_count(pack, "session_flows", model.session_flows);
  read_count(pack, "weak_company", model.weak_company);
  return model;
}

double share_of(std::chrono::seconds time, std::chrono::seconds from, std::chrono::seconds full) {
  using Seconds = std::chrono::duration<double>;
  if (time <= from) {
    return 0;
  }
  if (time >= full) {
    return 1;
  }
  return std::log(Seconds{time} / Seconds{from}) / std::log(Seconds{full} / Seconds{from});
}

double signup_probability(const Model& model, const Features& f) {
  const auto term = [](bool present, double weight) { return present ? weight : 0.0; };
  const double z = model.bias + term(f.signup_host, model.signup_host) +
                   term(f.sequence, model.sequence) + term(f.site_then_app, model.site_then_app) +
                   f.site_read * model.site_read + f.form_time * model.form_time +
                   f.slow_arrival * model.slow_arrival + term(f.more_pages, model.more_pages) +
                   term(f.own_tenant, model.own_tenant) + term(f.form_only, model.form_only) +
                   term(f.login_then_app, model.login_then_app) +
                   term(f.app_first, model.app_first) + term(f.sequence_rule, model.sequence_rule) +
                   term(f.first_ever, model.first_ever) + term(f.new_tenant, model.new_tenant) +
                   term(f.mail_click, model.mail_click) + term(f.captcha, model.captcha) +
                   term(f.company_sign_in, model.company_sign_in) +
                   term(f.back_end_later, model.back_end_later) + term(f.one_look, model.one_look) +
                   term(f.app_session, model.app_session) + term(f.second_day, model.second_day) +
                   term(f.guest_only, model.guest_only) + term(f.dns_only, model.dns_only);
  return 1.0 / (1.0 + std::exp(-z));
}

}  // namespace gnomon
