#include "agent/ceiling.h"

#include <map>

#include "tests/support/catch.h"

namespace gnomon {
namespace {

// Everything a policy can ask for.
Policy greedy() {
  Policy policy;
  policy.version = 9;
  policy.collect_users = true;
  policy.collect_programs = true;
  policy.collect_evidence = true;
  policy.report_unknowns = true;
  policy.window_minutes = 1;
  policy.spool_days = kMaxSpoolDays;
  return policy;
}

Config closed() {
  Config config;
  config.collect_users = false;
  config.collect_programs = false;
  config.collect_evidence = false;
  return config;
}

TEST_CASE("Ceiling: no policy raises what this machine forbids", "[agent][ceiling]") {
  const Config config = closed();
  const Policy policy = greedy();
  const InForce in_force = Ceiling{config}.under(&policy);
  CHECK(in_force.policy_version == 9);
  CHECK_FALSE(in_force.users);
  CHECK_FALSE(in_force.programs);
  CHECK_FALSE(in_force.evidence);
  CHECK_FALSE(in_force.unknowns);
  CHECK(in_force.window == std::chrono::minutes{15});
  CHECK(in_force.spool_age == std::chrono::days{30});
  CHECK(exceeds(in_force, config).empty());
  Contact contact;
  contact.user = "u-1";
  contact.program = "firefox";
  contact.evidence.emplace_back();
  in_force.hold(contact);
  CHECK(contact.user.empty());
  CHECK(contact.program.empty());
  CHECK(contact.evidence.empty());
}

TEST_CASE("Ceiling: a policy takes away, and widens windows", "[agent][ceiling]") {
  Config config;
  config.report_unknowns = true;
  Policy policy;
  policy.version = 3;
  policy.collect_users = false;
  policy.report_unknowns = false;
  policy.window_minutes = 60;
  policy.spool_days = 7;
  const InForce in_force = Ceiling{config}.under(&policy);
  CHECK_FALSE(in_force.users);
  CHECK(in_force.programs);
  CHECK_FALSE(in_force.unknowns);
  CHECK(in_force.window == std::chrono::minutes{60});
  CHECK(in_force.spool_age == std::chrono::days{7});
}

TEST_CASE("Ceiling: unknown domains are off unless this machine says otherwise",
          "[agent][ceiling]") {
  const Policy policy = greedy();
  CHECK_FALSE(Ceiling{Config{}}.under(&policy).unknowns);
  Config config;
  config.report_unknowns = true;
  CHECK(Ceiling{config}.under(&policy).unknowns);
}

TEST_CASE("Ceiling: each line says what is asked, allowed and in force, and why",
          "[agent][ceiling]") {
  Config config;
  config.collect_users = false;
  Policy policy = greedy();
  policy.collect_programs = false;
  policy.collect_evidence.reset();
  std::map<std::string, Setting> lines;
  for (const Setting& line : Ceiling{config}.explain(&policy)) {
    lines[line.key] = line;
  }
  CHECK(lines["collect-users"].asked == "yes");
  CHECK(lines["collect-users"].allowed == "no");
  CHECK(lines["collect-users"].in_force == "no");
  CHECK(lines["collect-users"].why == "this machine does not allow it");
  CHECK(lines["collect-programs"].in_force == "no");
  CHECK(lines["collect-programs"].why == "the policy asks for less than this machine allows");
  CHECK(lines["collect-evidence"].asked == "-");
  CHECK(lines["collect-evidence"].in_force == "yes");
  CHECK(lines["window-minutes"].in_force == "15");
  CHECK(lines["window-minutes"].why == "this machine does not allow what the policy asks");
}

TEST_CASE("Ceiling: the self-test finds what lets too much through", "[agent][ceiling]") {
  const Config config = closed();
  const InForce allowed = Ceiling{config}.under(nullptr);
  for (bool InForce::*flag :
       {&InForce::users, &InForce::programs, &InForce::evidence, &InForce::unknowns}) {
    InForce wrong = allowed;
    wrong.*flag = true;
    CHECK_FALSE(exceeds(wrong, config).empty());
  }
  InForce wrong = allowed;
  wrong.window = std::chrono::minutes{1};
  CHECK_FALSE(exceeds(wrong, config).empty());
  wrong = allowed;
  wrong.spool_age = std::chrono::days{31};
  CHECK_FALSE(exceeds(wrong, config).empty());
}

}  // namespace
}  // namespace gnomon
