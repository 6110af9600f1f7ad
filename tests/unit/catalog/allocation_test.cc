// Matching allocates nothing.

#include <string>
#include <vector>

#include "core/catalog/overlay.h"
#include "tests/support/allocation_count.h"
#include "tests/support/catch.h"
#include "tests/support/pack_builder.h"

using gnomon::Meaning;
using gnomon::OverlayPack;
using gnomon::PackKind;
using gnomon::Role;
using gnomon::RulePack;
using gnomon::testing::allocations;
using gnomon::testing::PackBuilder;

namespace {

PackBuilder catalogue() {
  PackBuilder builder;
  builder.tool("slack");
  builder.tool("mailchimp");
  builder.content().providers.push_back({"okta", "Okta", gnomon::AccountKind::work});
  builder.content().suffixes = {{"com", gnomon::kSuffixPlain}, {"co.uk", gnomon::kSuffixPlain}};
  builder.rule("slack.com", Meaning::tool, 0, Role::site);
  builder.rule("{tenant}.slack.com", Meaning::tool, 0).reserved = {"hooks"};
  builder.rule("{tenant+}.corp.slack.com", Meaning::tool, 0);
  builder.rule("us*.admin.mailchimp.com", Meaning::tool, 1);
  builder.rule(".mailchimp.com", Meaning::tool, 1, Role::site);
  builder.rule(".status.mailchimp.com", Meaning::denied);
  builder.rule("{tenant}.okta.com", Meaning::idp, 0, Role::idp).provider = 0;
  return builder;
}

const std::vector<std::string> kHosts = {
    "slack.com",
    "acme.slack.com",
    "hooks.slack.com",
    "a.b.c.corp.slack.com",
    "us12.admin.mailchimp.com",
    "www.mailchimp.com",
    "eu.status.mailchimp.com",
    "acme.okta.com",
    "slack.com.evil.example",
    "notslack.com",
    "com",
    "",
    "a.very.long.name.that.nobody.has.ever.put.into.any.catalogue.of.tools.anywhere.example.co.uk",
    std::string(253, 'x'),
};

// spent counts what one round of questions allocates.
std::uint64_t spent(const RulePack& pack) {
  std::uint64_t sum = 0;
  const std::uint64_t before = allocations();
  for (const std::string& host : kHosts) {
    sum += pack.match(host).also;
    sum += pack.registrable_domain(host).size();
  }
  const std::uint64_t after = allocations();
  CHECK(sum > 0);
  return after - before;
}

}  // namespace

TEST_CASE("RulePack: matching allocates nothing", "[core][catalog]") {
  const auto pack = catalogue().pack();
  CHECK(spent(*pack) == 0);
  // The count is one: what allocates is seen.
  const std::uint64_t before = allocations();
  const std::string text(100, 'x');
  CHECK(text.size() == 100);
  CHECK(allocations() > before);
}

TEST_CASE("Overlay: matching allocates nothing", "[core][catalog]") {
  PackBuilder over;
  over.tool("slack", gnomon::kToolOfBase);
  over.tool("intranet");
  over.rule("slack.com", Meaning::tool, 0, Role::app);
  over.rule(".corp.example", Meaning::tool, 1);
  over.content().tenants = {{false, "slack", "acme"}, {true, "okta", "acme"}};
  const auto overlay = OverlayPack::from_bytes(over.bytes(PackKind::overlay), over.trusted());
  REQUIRE(overlay);
  CHECK(spent(*with_overlay(catalogue().pack(), *overlay)) == 0);
}
