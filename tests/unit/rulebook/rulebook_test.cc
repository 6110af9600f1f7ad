#include <algorithm>
#include <filesystem>
#include <fstream>

#include "core/catalog/overlay.h"
#include "core/rulebook/compile.h"
#include "core/rulebook/public_suffixes.h"
#include "core/rulebook/yaml_tree.h"
#include "tests/support/catch.h"
#include "tests/support/pack_builder.h"
#include "tests/support/rule_files.h"
#include "tests/support/temp_directory.h"

using gnomon::CompileOptions;
using gnomon::load_rule_files;
using gnomon::LoadedRules;
using gnomon::Meaning;
using gnomon::Role;
using gnomon::SecretKey;
using gnomon::testing::clean_rules;
using gnomon::testing::test_options;

namespace {

CompileOptions options_with(const SecretKey& key) {
  CompileOptions options;
  options.manifest.version = 7;
  options.manifest.created = gnomon::testing::test_time();
  options.manifest.expires = gnomon::testing::test_time() + std::chrono::days{30};
  options.signers = {key};
  return options;
}

}  // namespace

TEST_CASE("Rulebook: the clean rules compile to a pack that answers as they say",
          "[core][rulebook]") {
  const auto pack = preview(load_rule_files(clean_rules(), test_options()).book);
  const auto trello = pack->match("trello.com");
  REQUIRE(trello.meaning == Meaning::tool);
  CHECK(pack->tool(trello.tool).id == "trello");
  CHECK(trello.role == Role::app);
  CHECK(trello.audience == gnomon::Audience::both);
  CHECK(trello.shares(Role::signup));
  CHECK_FALSE(trello.shares(Role::api));
  const auto login = pack->match("id.atlassian.com");
  REQUIRE(login.meaning == Meaning::family);
  CHECK(pack->tool(trello.tool).family == login.tool);
  CHECK(pack->match("acme.slack.com").tenant == "acme");
  CHECK(pack->match("hooks.slack.com").meaning == Meaning::unknown);
  CHECK(pack->match("api.slack.com").meaning == Meaning::unknown);
  CHECK(pack->match("acme.okta.com").name == "Okta");
  CHECK(pack->match("x.cloudfront.net").meaning == Meaning::shared);
  CHECK(pack->match("x.netlify.app").role == Role::content);
  CHECK(pack->match("x.ngrok.io").meaning == Meaning::tunnel);
  CHECK(pack->match("dns.google").meaning == Meaning::encrypted_dns);
  CHECK(pack->match("dns.google").name == "Google");
  CHECK(pack->match("cloudflare-ech.com").meaning == Meaning::ech_public_name);
  CHECK(pack->match("update.googleapis.com").meaning == Meaning::browser_noise);
  CHECK(*pack->weight("bias") == -6.0);
  CHECK(pack->categories().size() == 2);
  CHECK(pack->jobs()[1].category == "design");
  REQUIRE(pack->sequences().size() == 1);
  CHECK(*pack->sequences().front().steps[1].rule == login.rule);
  CHECK(pack->sequences().front().first_ever_user);
  CHECK(pack->sequences().front().within_s == 1800);
  gnomon::IpAddress resolver;
  resolver.bytes = {8, 8, 8, 8};
  CHECK(pack->resolver_at(resolver) == "Google");
  CHECK(pack->registrable_domain("a.example.co.uk") == "example.co.uk");
  CHECK(pack->registrable_domain("a.example.xn--fiqs8s") == "example.xn--fiqs8s");
}

TEST_CASE("Rulebook: the meanings of labels reach the pack", "[core][rulebook]") {
  auto files = clean_rules();
  for (gnomon::RuleFile& file : files) {
    if (file.path == "reserved.yaml") {
      file.text += "meanings:\n  - {role: login, labels: [sso, login]}\n";
    }
  }
  files.push_back({"tools/zed.yaml",
                   "vendor: Z\ntools:\n  - id: zed\n    name: Zed\n"
                   "    homepage: https://zed.example\n    category: design\n"
                   "    jobs: [diagramming]\n    hosts:\n"
                   "      - {host: app.zed.example, role: app}\n"
                   "      - {host: .zed.example, role: site, labels: yes, conf: low}\n"});
  const LoadedRules loaded = load_rule_files(files, test_options());
  CHECK(loaded.findings.empty());
  const auto pack = gnomon::preview(loaded.book);
  CHECK(pack->match("sso.zed.example").role == gnomon::Role::login);
  CHECK(pack->match("news.zed.example").role == gnomon::Role::site);
  CHECK(pack->match("app.zed.example").role == gnomon::Role::app);
}

TEST_CASE("Rulebook: the same rules give the same bytes, in whatever order they are read",
          "[core][rulebook]") {
  const SecretKey key = SecretKey::generate();
  auto files = clean_rules();
  const auto first = compile_pack(load_rule_files(files, test_options()).book, options_with(key));
  std::reverse(files.begin(), files.end());
  const auto second = compile_pack(load_rule_files(files, test_options()).book, options_with(key));
  CHECK(first == second);
}

TEST_CASE("Rulebook: a folder is read as its files are", "[core][rulebook]") {
  const gnomon::testing::TempDirectory folder;
  std::filesystem::create_directory(folder.file("tools"));
  for (const gnomon::RuleFile& file : clean_rules()) {
    std::ofstream{folder.file(file.path)} << file.text;
  }
  std::ofstream{folder.file("tools/notes.txt")} << "not a rule";
  const LoadedRules loaded = gnomon::load_rules(folder.path(), test_options());
  CHECK(loaded.findings.empty());
  CHECK(loaded.book.content.rules.size() ==
        load_rule_files(clean_rules(), test_options()).book.content.rules.size());
  CHECK(gnomon::load_rules(folder.file("none"), test_options()).errors() > 0);
}

TEST_CASE("Rulebook: the catalogue of this tree has no errors", "[core][rulebook]") {
  gnomon::LoadOptions options = test_options();
  // Rules are checked on later days than the one of these tests, and no test asks the clock.
  options.today = std::chrono::sys_days{std::chrono::year{2100} / 1 / 1};
  const LoadedRules loaded = gnomon::load_rules(std::string{GNOMON_SOURCE_DIR} + "/rules", options);
  for (const gnomon::Finding& finding : loaded.findings) {
    if (finding.severity == gnomon::Severity::error) {
      UNSCOPED_INFO(finding.to_line());
    }
  }
  CHECK(loaded.errors() == 0);
  CHECK(loaded.book.content.tools.size() > 60);
}

TEST_CASE("Rulebook: the schemas of editors know the same words", "[core][rulebook]") {
  // Every key and word that the loader takes stands in the schema, by a plain text search: what
  // the schema adds in structure is for editors alone.
  const std::string folder = std::string{GNOMON_SOURCE_DIR} + "/rules/schema/";
  const auto text_of = [&](const std::string& name) {
    std::ifstream stream{folder + name};
    return std::string{std::istreambuf_iterator<char>{stream}, {}};
  };
  const std::string tools = text_of("tools.schema.json");
  REQUIRE_FALSE(tools.empty());
  for (const char* word : {"vendor",
                           "family",
                           "tools",
                           "id",
                           "name",
                           "homepage",
                           "category",
                           "also",
                           "jobs",
                           "plans",
                           "free_tier",
                           "self_signup",
                           "signin",
                           "sso",
                           "saml",
                           "scim",
                           "data",
                           "exposure",
                           "tenancy",
                           "status",
                           "checked",
                           "hosts",
                           "sequences",
                           "note",
                           "host",
                           "role",
                           "audience",
                           "conf",
                           "shared_with",
                           "weight",
                           "reserved",
                           "deny",
                           "labels",
                           "site",
                           "signup",
                           "login",
                           "app",
                           "client",
                           "api",
                           "embed",
                           "content",
                           "link",
                           "asset",
                           "idp",
                           "user",
                           "guest",
                           "both",
                           "visitor",
                           "low",
                           "medium",
                           "high",
                           "normal",
                           "strong",
                           "weak",
                           "none",
                           "yes",
                           "no",
                           "unknown",
                           "paid_tier",
                           "path",
                           "then",
                           "within",
                           "steps",
                           "require",
                           "first_ever",
                           "min_flows",
                           "optional",
                           "signup-likely",
                           "active",
                           "integrated",
                           "business-content",
                           "email-content",
                           "public-links",
                           "api-tokens",
                           "password",
                           "magic-link"}) {
    CAPTURE(word);
    CHECK(tools.find('"' + std::string{word} + '"') != std::string::npos);
  }
  // And every category and job of the catalogue.
  const LoadedRules loaded =
      gnomon::load_rules(std::string{GNOMON_SOURCE_DIR} + "/rules", test_options());
  for (const auto& category : loaded.book.content.categories) {
    CAPTURE(category.id);
    CHECK(tools.find('"' + category.id + '"') != std::string::npos);
  }
  for (const auto& job : loaded.book.content.jobs) {
    CAPTURE(job.id);
    CHECK(tools.find('"' + job.id + '"') != std::string::npos);
  }
  CHECK_FALSE(text_of("lists.schema.json").empty());
}

TEST_CASE("Overlay: a company's YAML becomes a pack over the catalogue", "[core][rulebook]") {
  const auto base = preview(load_rule_files(clean_rules(), test_options()).book);
  const std::string text =
      "tools:\n"
      "  - id: timesheet\n"
      "    name: Timesheet\n"
      "    homepage: https://time.corp.example\n"
      "    category: project-management\n"
      "    jobs: [task-board]\n"
      "    hosts:\n"
      "      - {host: .time.corp.example, role: app}\n"
      "corrections:\n"
      "  - tool: trello\n"
      "    hosts:\n"
      "      - {host: boards.corp.example, role: content}\n"
      "deny:\n"
      "  - {host: slack.com, note: our own page of that name}\n"
      "tenants:\n"
      "  - {tool: slack, tenant: acme}\n"
      "  - {provider: okta, tenant: acme}\n"
      "sanctioned: [slack]\n";
  const auto loaded = load_overlay("company.yaml", text, *base, test_options());
  for (const gnomon::Finding& finding : loaded.findings) {
    UNSCOPED_INFO(finding.to_line());
  }
  REQUIRE(loaded.ok());
  const SecretKey key = SecretKey::generate();
  gnomon::TrustedKeys trusted;
  trusted.keys = {key.public_key()};
  const auto overlay =
      gnomon::OverlayPack::from_bytes(compile_overlay(loaded.book, options_with(key)), trusted);
  REQUIRE(overlay);
  const auto pack = with_overlay(base, *overlay);
  CHECK(pack->tool(pack->match("x.time.corp.example").tool).id == "timesheet");
  CHECK(pack->tool(pack->match("boards.corp.example").tool).id == "trello");
  CHECK(pack->match("slack.com").meaning == Meaning::denied);
  CHECK(pack->match("acme.slack.com").owner == gnomon::TenantOwner::own);
  CHECK(pack->match("acme.okta.com").owner == gnomon::TenantOwner::own);
  CHECK(pack->sanctioned(*pack->find_tool("slack")));
}

TEST_CASE("Overlay: what the catalogue does not know is reported", "[core][rulebook]") {
  const auto base = preview(load_rule_files(clean_rules(), test_options()).book);
  const auto errors = [&](const std::string& text) {
    const auto loaded = load_overlay("o.yaml", text, *base, test_options());
    return loaded.findings.size();
  };
  CHECK(errors("sanctioned: [nothing]\n") == 1);
  CHECK(errors("tenants: [{tool: nothing, tenant: acme}]\n") == 1);
  CHECK(errors("tenants: [{tenant: acme}]\n") == 1);
  CHECK(errors("corrections: [{tool: nothing, hosts: [{host: a.example, role: app}]}]\n") == 1);
  CHECK(errors("tols: []\n") == 1);
  CHECK(errors("sanctioned: [slack]\n") == 0);
}

TEST_CASE("Overlay: a finding names the line of the entry", "[core][rulebook]") {
  const auto base = preview(load_rule_files(clean_rules(), test_options()).book);
  const auto loaded = load_overlay("o.yaml",
                                   "tenants:\n"
                                   "  - {tool: slack, tenant: acme}\n"
                                   "  - {tool: slak, tenant: acme}\n"
                                   "corrections:\n"
                                   "  - tool: trelo\n"
                                   "    hosts: [{host: a.example, role: app}]\n"
                                   "sanctioned:\n"
                                   "  - slack\n"
                                   "  - asna\n",
                                   *base, test_options());
  std::vector<std::string> lines;
  for (const gnomon::Finding& finding : loaded.findings) {
    lines.push_back(finding.to_line().substr(0, finding.to_line().find(',')));
  }
  CHECK(lines == std::vector<std::string>{"o.yaml:3: error: no tool has the id 'slak'",
                                          "o.yaml:5: error: no tool has the id 'trelo'",
                                          "o.yaml:9: error: no tool has the id 'asna'"});
}

TEST_CASE("Overlay: a wide rule is told what it takes along", "[core][rulebook]") {
  const auto base = preview(load_rule_files(clean_rules(), test_options()).book);
  const auto findings = [&](const std::string& text) {
    const auto loaded = load_overlay("o.yaml", text, *base, test_options());
    REQUIRE(loaded.ok());
    std::string lines;
    for (const gnomon::Finding& finding : check_reach(loaded.book, "o.yaml", *base)) {
      lines += finding.to_line() + "\n";
    }
    return lines;
  };
  CHECK(findings("deny:\n  - {host: .slack.com}\n") ==
        "o.yaml:2: warning: '.slack.com' takes 2 rules of the catalogue along (Slack); if that is "
        "not meant, name single hosts [takes-along]\n");
  CHECK(findings("deny:\n  - {host: slack.com}\n  - {host: .corp.example}\n").empty());
  CHECK(findings("corrections: [{tool: slack, hosts: [{host: .slack.com, role: app}]}]\n").empty());
}

TEST_CASE("parse_yaml: limits hold, one below and one above", "[core][rulebook]") {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + "1" + std::string(depth, ']');
  };
  CHECK(gnomon::parse_yaml(nested(gnomon::kMaxYamlDepth - 1)));
  CHECK_FALSE(gnomon::parse_yaml(nested(gnomon::kMaxYamlDepth + 1)));
  CHECK_FALSE(gnomon::parse_yaml(std::string(gnomon::kMaxYamlBytes + 1, ' ')));
  CHECK_FALSE(gnomon::parse_yaml(""));
  CHECK_FALSE(gnomon::parse_yaml("a: 1\n---\nb: 2\n"));
  CHECK_FALSE(gnomon::parse_yaml("a: *b\n"));
  const auto tree = gnomon::parse_yaml("a:\n  - b\n  - {c: \"d\"}\n");
  REQUIRE(tree);
  REQUIRE(tree->find("a") != nullptr);
  CHECK(tree->find("a")->items[1].find("c")->text == "d");
  CHECK(tree->find("a")->items[1].line == 3);
}

TEST_CASE("PublicSuffixes: records carry the xn-- form and the three kinds", "[core][rulebook]") {
  const auto list = gnomon::PublicSuffixes::open(test_options().suffix_file);
  REQUIRE(list != nullptr);
  const auto kind_of = [&](const std::string& text) {
    for (const gnomon::SuffixRecord& record : list->records()) {
      if (record.text == text) {
        return static_cast<int>(record.kinds);
      }
    }
    return 0;
  };
  CHECK(kind_of("co.uk") == gnomon::kSuffixPlain);
  CHECK(kind_of("ck") == gnomon::kSuffixWildcard);
  CHECK(kind_of("www.ck") == gnomon::kSuffixException);
  CHECK(kind_of("xn--fiqs8s") == gnomon::kSuffixPlain);
  CHECK(list->is_registry("co.uk"));
  CHECK_FALSE(list->is_registry("github.io"));
  CHECK(list->registrable("a.b.github.io") == "b.github.io");
  CHECK(gnomon::valid_a_labels("xn--bcher-kva.example"));
  CHECK_FALSE(gnomon::valid_a_labels("xn--a.example"));
}
