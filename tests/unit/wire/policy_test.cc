#include "core/wire/policy.h"

#include "core/file.h"
#include "gnomon/v1/policy.pb.h"
#include "tests/support/catch.h"

namespace gnomon {
namespace {

Policy full_policy() {
  Policy policy;
  policy.version = 1'800'000'000;
  policy.created = WallTime{std::chrono::seconds{1'800'000'000}};
  policy.collect_users = false;
  policy.collect_programs = true;
  policy.report_unknowns = false;
  policy.window_minutes = 60;
  policy.spool_days = 7;
  return policy;
}

TEST_CASE("Policy: what is encoded is decoded, absent fields included", "[core][wire]") {
  const Policy policy = full_policy();
  const auto again = wire::decode_policy(bytes_of(wire::encode(policy)));
  REQUIRE(again);
  CHECK(*again == policy);
  CHECK_FALSE(again->collect_evidence);
}

TEST_CASE("Policy: values out of their range are refused", "[core][wire]") {
  const auto decoded = [](const v1::Policy& policy) {
    return wire::decode_policy(bytes_of(policy.SerializeAsString())).has_value();
  };
  v1::Policy good;
  good.set_version(1);
  good.set_window_minutes(kMaxWindowMinutes);
  good.set_spool_days(kMaxSpoolDays);
  CHECK(decoded(good));
  v1::Policy bad = good;
  bad.set_version(0);
  CHECK_FALSE(decoded(bad));
  bad = good;
  bad.set_window_minutes(kMaxWindowMinutes + 1);
  CHECK_FALSE(decoded(bad));
  bad = good;
  bad.set_spool_days(kMaxSpoolDays + 1);
  CHECK_FALSE(decoded(bad));
}

TEST_CASE("Signed policy: a part that is missing or too large is refused", "[core][wire]") {
  const wire::SignedPolicy good{wire::encode(full_policy()), "signature", {"certificate"}};
  const auto decoded = [](const wire::SignedPolicy& policy) {
    return wire::decode_signed_policy(bytes_of(wire::encode(policy)));
  };
  REQUIRE(decoded(good));
  CHECK(decoded(good)->policy == good.policy);
  CHECK(decoded(good)->chain == good.chain);
  for (auto part : {&wire::SignedPolicy::policy, &wire::SignedPolicy::signature}) {
    wire::SignedPolicy bad = good;
    (bad.*part).clear();
    CHECK_FALSE(decoded(bad));
    bad.*part = std::string(20'000, 'x');
    CHECK_FALSE(decoded(bad));
  }
  wire::SignedPolicy bad = good;
  bad.chain.clear();
  CHECK_FALSE(decoded(bad));
  bad.chain.assign(5, "certificate");
  CHECK_FALSE(decoded(bad));
}

}  // namespace
}  // namespace gnomon
