#include <algorithm>

#include "core/rulebook/compile.h"
#include "core/rulebook/rulebook.h"
#include "tests/support/catch.h"
#include "tests/support/rule_files.h"

using gnomon::Finding;
using gnomon::load_rule_files;
using gnomon::RuleFile;
using gnomon::Severity;
using gnomon::testing::clean_rules;
using gnomon::testing::test_options;
using gnomon::testing::with_file;
using gnomon::testing::with_tool;

namespace {

struct Sample {
  const char* what;
  std::vector<RuleFile> files;
  const char* file;
  int line;
  Severity severity;
  const char* code;
  const char* text;  // must be part of the finding
};

const char* const kApp = "      - {host: app.zed.example, role: app}\n";

std::vector<Sample> samples() {
  const auto e = Severity::error;
  const auto w = Severity::warning;
  const std::string app = kApp;
  const auto host = [&](const std::string& line) {
    return with_tool(app + "      - " + line + "\n");
  };
  return {
      {"a misspelt key", with_tool("      - {host: app.zed.example, rol: app}\n"), "tools/zz.yaml",
       9, e, "unknown-key", "did you mean 'role'?"},
      {"a key twice", host("{host: a.zed.example, role: app, role: site}"), "tools/zz.yaml", 10, e,
       "twice", "stands twice"},
      {"a value of the wrong type", with_tool(app, "    plans: yes\n"), "tools/zz.yaml", 8, e,
       "wrong-type", "plans must be a mapping"},
      {"an unknown role", host("{host: a.zed.example, role: apps}"), "tools/zz.yaml", 10, e,
       "unknown-word", "did you mean 'app'?"},
      {"an unknown category",
       with_file("tools/zz.yaml",
                 "vendor: Z\ntools:\n  - id: zed\n    name: Zed\n    homepage: https://z.example\n"
                 "    category: desing\n    jobs: [diagramming]\n    hosts:\n" +
                     app),
       "tools/zz.yaml", 6, e, "unknown-word", "did you mean 'design'?"},
      {"an unknown job", with_tool(app, "    also: [designs]\n"), "tools/zz.yaml", 8, e,
       "unknown-word", "did you mean 'design'?"},
      {"a tool without hosts", with_tool("      []\n"), "tools/zz.yaml", 3, e, "missing",
       "has no 'hosts'"},
      {"a missing name",
       with_file("tools/zz.yaml",
                 "vendor: Z\ntools:\n  - id: zed\n    homepage: https://z.example\n"
                 "    category: design\n    jobs: [diagramming]\n    hosts:\n" +
                     app),
       "tools/zz.yaml", 3, e, "missing", "has no 'name'"},
      {"an id that is taken",
       with_file("tools/zz.yaml",
                 "vendor: Z\ntools:\n  - id: trello\n    name: T\n    homepage: https://z.example\n"
                 "    category: design\n    jobs: [diagramming]\n    hosts:\n" +
                     app),
       "tools/zz.yaml", 3, e, "duplicate-id", "tools/atlassian.yaml:10"},
      {"the same pattern in two tools", host("{host: trello.com, role: site}"), "tools/zz.yaml", 10,
       e, "same-pattern", "put it into the family"},
      {"the same pattern twice in a tool", host("{host: app.zed.example, role: site}"),
       "tools/zz.yaml", 10, e, "twice", "merge the two"},
      {"a host that is denied elsewhere", host("{host: app.zed.example, deny: true}"),
       "tools/zz.yaml", 9, e, "never-matches", "denied at tools/zz.yaml:10"},
      {"a suffix that is shared infrastructure", host("{host: .cloudfront.net, role: asset}"),
       "tools/zz.yaml", 10, e, "never-matches", "shared infrastructure at shared.yaml:2"},
      {"capital letters", host("{host: App2.zed.example, role: app}"), "tools/zz.yaml", 10, e,
       "bad-pattern", "lower case"},
      {"a wildcard in the registrable part", host("{host: \"*.example\", role: app}"),
       "tools/zz.yaml", 10, e, "bad-pattern", "other people's domains"},
      {"a tenant right below a public suffix", host("{host: \"{tenant}.co.uk\", role: app}"),
       "tools/zz.yaml", 10, e, "public-suffix", "covers a whole registry (co.uk)"},
      {"a public suffix", host("{host: .co.uk, role: site}"), "tools/zz.yaml", 10, e,
       "public-suffix", "name the domain itself"},
      {"an IP address", host("{host: 192.0.2.1, role: app}"), "tools/zz.yaml", 10, e, "ip-literal",
       "is an IP address"},
      {"letters that are not ASCII", host("{host: caf\xc3\xa9.example, role: app}"),
       "tools/zz.yaml", 10, e, "bad-pattern", "xn-- form"},
      {"a bad xn-- label", host("{host: xn--a.zed.example, role: app}"), "tools/zz.yaml", 10, e,
       "bad-idna", "xn-- label"},
      {"a URL", host("{host: \"https://zed.example/app\", role: app}"), "tools/zz.yaml", 10, e,
       "bad-pattern", "leave out scheme"},
      {"a reserved word that is no label",
       host("{host: \"{tenant}.zed.example\", role: app, reserved: [\"ci*\"]}"), "tools/zz.yaml",
       10, e, "bad-reserved", "reserve single labels"},
      {"common labels below a host that has nothing below it",
       host("{host: a.zed.example, role: app, labels: yes}"), "tools/zz.yaml", 10, e,
       "labels-without-suffix", "use a suffix"},
      {"a label with two meanings",
       with_file("reserved.yaml",
                 "reserved: [www]\nmeanings:\n  - {role: site, labels: [docs]}\n"
                 "  - {role: app, labels: [docs]}\n"),
       "reserved.yaml", 4, e, "twice", "keep one"},
      {"a meaning that is no role",
       with_file("reserved.yaml", "reserved: [www]\nmeanings: [{role: sites, labels: [docs]}]\n"),
       "reserved.yaml", 2, e, "unknown-word", "did you mean 'site'?"},
      {"reserved words without a tenant", host("{host: a.zed.example, role: app, reserved: [x]}"),
       "tools/zz.yaml", 10, e, "reserved-without-tenant", "leave it out"},
      {"a weight without a reason", host("{host: a.zed.example, role: app, weight: strong}"),
       "tools/zz.yaml", 10, e, "weight-without-note", "says why"},
      {"a denied host with a role", host("{host: a.zed.example, role: app, deny: true}"),
       "tools/zz.yaml", 10, e, "deny-with-role", "leave one of them out"},
      {"a family that nobody defines", with_tool(app, "    family: atlasian\n"), "tools/zz.yaml", 3,
       e, "unknown-family", "did you mean 'atlassian'?"},
      {"a step that names no rule",
       with_tool(app, "    sequences: [{id: z, then: active, steps: [{host: app.zet.example}]}]\n"),
       "tools/zz.yaml", 8, e, "unknown-step", "did you mean 'app.zed.example'?"},
      {"a duration nobody can read",
       with_tool(app, "    sequences: [{id: z, within: soon, steps: [{role: app}]}]\n"),
       "tools/zz.yaml", 8, e, "bad-duration", "30m"},
      {"a sequence that always holds",
       with_tool(app, "    sequences: [{id: z, steps: [{role: app, optional: yes}]}]\n"),
       "tools/zz.yaml", 8, e, "step", "always hold"},
      {"a date nobody can read", with_tool(app, "    checked: 22.11.2026\n"), "tools/zz.yaml", 8, e,
       "bad-date", "2026-11-22"},
      {"a date more than a year old", with_tool(app, "    checked: 2025-11-01\n"), "tools/zz.yaml",
       8, w, "stale", "look at the hosts again"},
      {"a tool that nobody can be seen using",
       with_tool("      - {host: cdn.zed.example, role: embed}\n"), "tools/zz.yaml", 3, w,
       "missing-role", "add one"},
      {"an anchor", with_file("reserved.yaml", "reserved: &a [www]\n"), "reserved.yaml", 1, e,
       "yaml", "anchors"},
      {"no YAML at all", with_file("jobs.yaml", "jobs: [\n"), "jobs.yaml", 2, e, "yaml",
       "not valid YAML"},
      {"a weight outside its limits",
       with_file("model.yaml", "bias: {value: 3, min: -9, max: 0}\n"), "model.yaml", 1, e,
       "out-of-range", "min and max"},
      {"a weight that is no number", with_file("model.yaml", "bias: high\n"), "model.yaml", 1, e,
       "wrong-type", "must be a number"},
      {"an address that is none",
       with_file("blind-spots.yaml",
                 "encrypted_dns: [{host: dns.google, provider: G, addresses: [8.8.8]}]\n"),
       "blind-spots.yaml", 1, e, "bad-address", "no IP address"},
  };
}

std::string all(const std::vector<Finding>& findings) {
  std::string text;
  for (const Finding& finding : findings) {
    text += finding.to_line() + "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("Rulebook: the clean rules are clean", "[core][rulebook]") {
  const auto loaded = load_rule_files(clean_rules(), test_options());
  INFO(all(loaded.findings));
  CHECK(loaded.findings.empty());
}

TEST_CASE("Rulebook: each broken sample is reported where it is, with what to do",
          "[core][rulebook]") {
  for (const Sample& sample : samples()) {
    CAPTURE(sample.what);
    const auto loaded = load_rule_files(sample.files, test_options());
    INFO(all(loaded.findings));
    const auto hit =
        std::find_if(loaded.findings.begin(), loaded.findings.end(), [&](const Finding& finding) {
          return finding.file == sample.file && finding.line == sample.line &&
                 finding.code == sample.code && finding.severity == sample.severity &&
                 finding.text.find(sample.text) != std::string::npos;
        });
    CHECK(hit != loaded.findings.end());
    // One mistake is one finding, or two where it also leaves a hole.
    CHECK(loaded.findings.size() <= 3);
  }
}

TEST_CASE("Rulebook: a look-alike of another vendor's domain is a warning", "[core][rulebook]") {
  const auto loaded = load_rule_files(
      with_tool(std::string{kApp} + "      - {host: trell0.com, role: site}\n"), test_options());
  INFO(all(loaded.findings));
  REQUIRE(loaded.findings.size() == 1);
  CHECK(loaded.findings.front().code == "look-alike");
  CHECK(loaded.findings.front().severity == Severity::warning);
}

TEST_CASE("Rulebook: a missing part of the rules is named", "[core][rulebook]") {
  auto files = clean_rules();
  files.erase(files.begin() + 5);
  const auto loaded = load_rule_files(files, test_options());
  REQUIRE(loaded.errors() == 1);
  CHECK(loaded.findings.front().to_line().find("idp.yaml:1: error: ") == 0);
}

TEST_CASE("Rulebook: without a public suffix list nothing is called clean", "[core][rulebook]") {
  auto options = test_options();
  options.suffix_file = "/nonexistent/list";
  const auto loaded = load_rule_files(clean_rules(), options);
  REQUIRE(loaded.errors() == 1);
  CHECK(loaded.findings.front().text.find("publicsuffix") != std::string::npos);
}

TEST_CASE("Rulebook: a homepage that leads elsewhere is a warning", "[core][rulebook]") {
  const auto files = with_tool(kApp);
  const auto loaded = load_rule_files(files, test_options());
  const auto findings = check_answers(loaded.book, *preview(loaded.book));
  REQUIRE(findings.size() == 1);
  CHECK(findings.front().code == "homepage");
}

TEST_CASE("did_you_mean: near words are offered, far ones are not", "[core][rulebook]") {
  CHECK(gnomon::did_you_mean("rol", {"role", "host"}) == "role");
  CHECK(gnomon::did_you_mean("hsot", {"role", "host"}) == "host");
  CHECK_FALSE(gnomon::did_you_mean("colour", {"role", "host"}));
  CHECK_FALSE(gnomon::did_you_mean("", {"role", "host"}));
}
