#include <algorithm>
#include <cctype>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "core/catalog/host_pattern.h"
#include "core/catalog/rule_pack.h"
#include "tests/support/catch.h"
#include "tests/support/pack_builder.h"

using gnomon::HostMatch;
using gnomon::HostPattern;
using gnomon::Meaning;
using gnomon::PatternError;
using gnomon::PatternKind;
using gnomon::Role;
using gnomon::testing::PackBuilder;

namespace {

std::string answer(const gnomon::RulePack& pack, std::string_view host) {
  const HostMatch match = pack.match(host);
  if (match.meaning == Meaning::unknown) {
    return "-";
  }
  std::string text{pack.rule_text(match.rule)};
  if (!match.tenant.empty()) {
    text += " @" + std::string{match.tenant};
  }
  return text;
}

// technical is the slow reference: is a label a reserved word, or made of reserved words and
// numbers?
bool technical(const std::string& label, const std::vector<std::string>& words) {
  const auto is_word = [&](const std::string& part) {
    return std::find(words.begin(), words.end(), part) != words.end();
  };
  if (is_word(label)) {
    return true;
  }
  std::istringstream parts{label + "-"};
  bool any = false;
  for (std::string part; std::getline(parts, part, '-');) {
    while (!part.empty() && std::isdigit(static_cast<unsigned char>(part.back())) != 0) {
      part.pop_back();
    }
    if (!part.empty() && !is_word(part)) {
      return false;
    }
    any = any || !part.empty();
  }
  return any;
}

// matches is the slow reference: does one pattern match, written from rules/README.md.
bool matches(const HostPattern& pattern, const std::vector<std::string>& words,
             const std::vector<std::string>& own_words, std::string_view host) {
  if (host.empty() || host.front() == '.') {
    return false;
  }
  if (pattern.kind == PatternKind::exact) {
    return host == pattern.text;
  }
  if (pattern.kind == PatternKind::suffix) {
    return host == pattern.fixed || host.ends_with("." + pattern.fixed);
  }
  const std::string tail = "." + pattern.fixed;
  if (!host.ends_with(tail)) {
    return false;
  }
  std::string_view tenant;
  if (!gnomon::match_wild(pattern.wild, host.substr(0, host.size() - tail.size()), tenant)) {
    return false;
  }
  std::string rest{tenant};
  while (!tenant.empty()) {
    const std::size_t dot = rest.find('.');
    const std::string label = rest.substr(0, dot);
    if (label.empty() || technical(label, words) ||
        std::find(own_words.begin(), own_words.end(), label) != own_words.end()) {
      return false;
    }
    if (dot == std::string::npos) {
      break;
    }
    rest.erase(0, dot + 1);
  }
  return true;
}

}  // namespace

TEST_CASE("RulePack: each kind of pattern matches what it says and nothing else",
          "[core][catalog]") {
  PackBuilder builder;
  builder.tool("a");
  for (const char* pattern :
       {"app.asana.com", ".trellocdn.com", "{tenant}.slack.com", "{tenant+}.deep.example",
        "us*.admin.mailchimp.com", "{tenant}-my.sharepoint.com", "tmc.*.cloud.talend.com",
        "{tenant}-*.algolianet.com", "*-{tenant}.icims.com"}) {
    builder.rule(pattern);
  }
  const auto pack = builder.pack();
  const std::vector<std::pair<std::string, std::string>> table = {
      {"app.asana.com", "app.asana.com"},
      {"x.app.asana.com", "-"},
      {"asana.com", "-"},
      {"myapp.asana.com", "-"},
      {"app.asana.com.evil.example", "-"},
      {"trellocdn.com", ".trellocdn.com"},
      {"a.b.trellocdn.com", ".trellocdn.com"},
      {"eviltrellocdn.com", "-"},
      {"acme.slack.com", "{tenant}.slack.com @acme"},
      {"www.slack.com", "-"},
      {"a.acme.slack.com", "-"},
      {"slack.com", "-"},
      {"under_score.slack.com", "-"},
      {"a.b.deep.example", "{tenant+}.deep.example @a.b"},
      {"one.deep.example", "{tenant+}.deep.example @one"},
      {"a.www.deep.example", "-"},
      {"deep.example", "-"},
      {"us21.admin.mailchimp.com", "us*.admin.mailchimp.com"},
      {"us.admin.mailchimp.com", "us*.admin.mailchimp.com"},
      {"eu1.admin.mailchimp.com", "-"},
      {"us1.x.admin.mailchimp.com", "-"},
      {"acme-my.sharepoint.com", "{tenant}-my.sharepoint.com @acme"},
      {"-my.sharepoint.com", "-"},
      {"a-my-my.sharepoint.com", "{tenant}-my.sharepoint.com @a-my"},
      {"tmc.eu.cloud.talend.com", "tmc.*.cloud.talend.com"},
      {"tmc.eu.west.cloud.talend.com", "-"},
      {"acme-3.algolianet.com", "{tenant}-*.algolianet.com @acme"},
      {"careers-acme.icims.com", "*-{tenant}.icims.com @acme"},
      {"", "-"},
      {".", "-"},
      {".app.asana.com", "-"},
      {"com", "-"},
      {"..", "-"},
      {std::string(300, 'a') + ".trellocdn.com", "-"},
  };
  for (const auto& [host, expected] : table) {
    CAPTURE(host);
    CHECK(answer(*pack, host) == expected);
  }
}

TEST_CASE("RulePack: the more specific rule speaks", "[core][catalog]") {
  PackBuilder builder;
  builder.tool("a");
  builder.tool("b");
  builder.rule(".example.com", Meaning::tool, 0, Role::site);
  builder.rule("{tenant}.example.com", Meaning::tool, 0, Role::app);
  builder.rule("us*.example.com", Meaning::tool, 0, Role::api);
  builder.rule("api.example.com", Meaning::tool, 0, Role::api);
  builder.rule(".help.example.com", Meaning::tool, 1, Role::site);
  builder.rule("{tenant}.help.example.com", Meaning::tool, 1, Role::content);
  builder.rule("a.*.twin.example", Meaning::tool, 0, Role::app);
  builder.rule(".b.twin.example", Meaning::tool, 1, Role::site);
  const auto pack = builder.pack();
  CHECK(answer(*pack, "x.y.example.com") == ".example.com");
  CHECK(answer(*pack, "www.example.com") == ".example.com");
  CHECK(answer(*pack, "acme.example.com") == "{tenant}.example.com @acme");
  CHECK(answer(*pack, "us1.example.com") == "us*.example.com");
  CHECK(answer(*pack, "api.example.com") == "api.example.com");
  CHECK(answer(*pack, "help.example.com") == ".help.example.com");
  CHECK(answer(*pack, "acme.help.example.com") == "{tenant}.help.example.com @acme");
  CHECK(answer(*pack, "a.b.twin.example") == "a.*.twin.example");
  CHECK(answer(*pack, "c.b.twin.example") == ".b.twin.example");
}

TEST_CASE("RulePack: among equal patterns a deny wins, then the tool, and the rest is kept",
          "[core][catalog]") {
  PackBuilder builder;
  builder.tool("a");
  builder.content().providers.push_back({"okta", "Okta", gnomon::AccountKind::work});
  builder.rule("pay.example.com");
  builder.rule("pay.example.com", Meaning::payment);
  builder.rule("cdn.example.com");
  builder.rule("cdn.example.com", Meaning::shared);
  builder.rule(".wide.example.com");
  builder.rule(".wide.example.com", Meaning::shared);
  builder.rule("off.example.com");
  builder.rule("off.example.com", Meaning::denied);
  builder.rule("{tenant}.okta.com", Meaning::idp, 0, Role::idp).provider = 0;
  builder.rule(".okta.com", Meaning::tool, 0, Role::site);
  const auto pack = builder.pack();
  const HostMatch pay = pack->match("pay.example.com");
  CHECK(pay.meaning == Meaning::tool);
  CHECK(pay.is(Meaning::payment));
  CHECK(pack->match("cdn.example.com").meaning == Meaning::tool);
  CHECK(pack->match("x.wide.example.com").meaning == Meaning::shared);
  CHECK(pack->match("off.example.com").meaning == Meaning::denied);
  const HostMatch okta = pack->match("acme.okta.com");
  CHECK(okta.meaning == Meaning::idp);
  CHECK(okta.is(Meaning::tool));
  CHECK(okta.name == "Okta");
  CHECK(okta.account == gnomon::AccountKind::work);
  CHECK(okta.tenant == "acme");
}

TEST_CASE("RulePack: common labels give the role where a suffix leaves it to them",
          "[core][catalog]") {
  PackBuilder builder;
  builder.tool("a");
  builder.content().labels = {{"docs", Role::site}, {"login", Role::login},
                              {"api", Role::api},   {"cdn", Role::asset},
                              {"app", Role::app},   {"secure", Role::app, true}};
  const auto suffix = [&](const char* pattern, Role role, bool by_label) {
    gnomon::RuleRecord& rule = builder.rule(pattern, Meaning::tool, 0, role);
    rule.by_label = by_label;
    rule.confidence = gnomon::RuleConfidence::low;
    rule.audience = gnomon::Audience::visitor;
  };
  suffix(".asana.com", Role::site, true);
  suffix(".beacon.example", Role::embed, true);
  suffix(".plain.example", Role::site, false);
  builder.rule("api.asana.com", Meaning::tool, 0, Role::embed);
  builder.rule("{tenant}.asana.com", Meaning::tool, 0, Role::app);
  const auto pack = builder.pack();
  struct Case {
    const char* host;
    Role role;
    const char* label;
  };
  for (const Case& each : {
           Case{"login.asana.com", Role::login, "login"},    // no tenant: reserved
           Case{"api.asana.com", Role::embed, ""},           // what is said of a host itself
           Case{"docs.eu.asana.com", Role::site, "docs"},    //
           Case{"eu.docs.asana.com", Role::site, "docs"},    // the first one that tells
           Case{"cdn.app.asana.com", Role::asset, "cdn"},    // in front says most
           Case{"app2.x.asana.com", Role::app, "app2"},      // numbers
           Case{"api-eu.x.asana.com", Role::api, "api-eu"},  // and regions
           Case{"eu1-login.x.asana.com", Role::login, "eu1-login"},  //
           Case{"login-cdn3.x.asana.com", Role::asset, "login-cdn3"},
           Case{"my-login-x.y.asana.com", Role::site, ""},        // only the outer parts tell
           Case{"snapi.y.asana.com", Role::site, ""},             // no substrings
           Case{"2.y.asana.com", Role::site, ""},                 //
           Case{"-.y.asana.com", Role::site, ""},                 //
           Case{"asana.com", Role::site, ""},                     // the domain itself
           Case{"cdn.beacon.example", Role::embed, "cdn"},        // files on other people's pages
           Case{"app.beacon.example", Role::app, "app"},          //
           Case{"secure.beacon.example", Role::embed, "secure"},  // a weak word among scripts
           Case{"secure.x.asana.com", Role::app, "secure"},       //
           Case{"app.plain.example", Role::site, ""},             // not asked for
       }) {
    CAPTURE(each.host);
    const HostMatch match = pack->match(each.host);
    CHECK(match.role == each.role);
    CHECK(match.label == each.label);
    if (!match.label.empty()) {
      CHECK(match.confidence == gnomon::RuleConfidence::medium);
    }
  }
  CHECK(pack->match("acme.asana.com").tenant == "acme");
  CHECK(pack->match("login.asana.com").audience == gnomon::Audience::user);
  CHECK(pack->match("docs.eu.asana.com").audience == gnomon::Audience::visitor);
  CHECK(pack->match("x.y.asana.com").confidence == gnomon::RuleConfidence::low);
  CHECK(pack->match("login.notasana.com").meaning == Meaning::unknown);
}

TEST_CASE("RulePack: a rule's own reserved labels are no tenants", "[core][catalog]") {
  PackBuilder builder;
  builder.tool("a");
  builder.rule("{tenant}.slack.com").reserved = {"hooks", "edgeapi"};
  builder.rule("{tenant}.other.com");
  const auto pack = builder.pack();
  CHECK(answer(*pack, "hooks.slack.com") == "-");
  CHECK(answer(*pack, "hooks.other.com") == "{tenant}.other.com @hooks");
  CHECK(answer(*pack, "static.other.com") == "-");
}

TEST_CASE("RulePack: labels made of reserved words and numbers are no tenants", "[core][catalog]") {
  PackBuilder builder;
  builder.tool("a");
  builder.content().reserved = {"assets", "cdn", "team", "web"};
  builder.rule("{tenant}.desk.com").reserved = {"hooks"};
  const auto pack = builder.pack();
  for (const char* label : {"assets", "assets2", "web-assets", "cdn-3", "cdn2-web-14"}) {
    CAPTURE(label);
    CHECK(answer(*pack, std::string{label} + ".desk.com") == "-");
  }
  // A company may be called so: another word in it, numbers alone, or the rule's own word in part.
  for (const char* label : {"web-bakery", "360", "4-2", "assetsx", "acme-cdn", "hooks2", "2web"}) {
    CAPTURE(label);
    CHECK(answer(*pack, std::string{label} + ".desk.com") ==
          "{tenant}.desk.com @" + std::string{label});
  }
}

TEST_CASE("HostPattern: what cannot be a rule is refused with its reason", "[core][catalog]") {
  const std::vector<std::pair<std::string, PatternError>> table = {
      {"", PatternError::empty},
      {"Trello.com", PatternError::upper_case},
      {"https://trello.com", PatternError::not_a_host},
      {"trello.com:443", PatternError::not_a_host},
      {"caf\xc3\xa9.com", PatternError::bad_char},
      {"a..b.com", PatternError::bad_label},
      {std::string(64, 'a') + ".com", PatternError::bad_label},
      {"com", PatternError::one_label},
      {".com", PatternError::one_label},
      {"192.0.2.1", PatternError::ip_literal},
      {"{team}.slack.com", PatternError::bad_braces},
      {"{tenant.slack.com", PatternError::bad_braces},
      {"{tenant}.{tenant}.x.com", PatternError::tenant_twice},
      {"a.{tenant+}.x.com", PatternError::tenant_plus_place},
      {"*.com", PatternError::wild_in_registrable},
      {"trello.*", PatternError::wild_in_registrable},
      {".us*.x.com", PatternError::wild_suffix},
  };
  for (const auto& [text, expected] : table) {
    CAPTURE(text);
    const auto pattern = HostPattern::parse(text);
    REQUIRE_FALSE(pattern);
    CHECK(pattern.error() == expected);
    CHECK_FALSE(to_string(expected).empty());
  }
}

namespace {

// Dice draws rules and hosts, the same in every run.
class Dice {
 public:
  std::size_t roll(std::size_t sides) { return random_() % sides; }

  // host has up to three labels before one of a few domains.
  std::string host() {
    std::string text = pick(tops_);
    for (std::size_t n = roll(4); n > 0; --n) {
      text = below(text, pick(labels_));
    }
    return text;
  }

  // pattern likewise, with wildcards among the labels.
  std::string pattern() {
    std::string text = pick(tops_);
    bool tenant = false;
    bool wild = false;
    for (std::size_t n = roll(3); n > 0; --n) {
      std::string label = roll(3) == 0 ? pick(wilds_) : pick(labels_);
      if (label.find('{') != std::string::npos && tenant) {
        label = "*";
      }
      tenant = tenant || label.find('{') != std::string::npos;
      wild = wild || label.find_first_of("*{") != std::string::npos;
      text = below(text, std::move(label));
    }
    if (!tenant && roll(9) == 0) {
      return below(text, "{tenant+}");
    }
    return !wild && roll(3) == 0 ? below(text, "") : text;
  }

 private:
  static std::string below(const std::string& domain, std::string label) {
    label += '.';
    return label += domain;
  }
  const std::string& pick(const std::vector<std::string>& from) { return from[roll(from.size())]; }

  std::mt19937 random_{20261122};  // NOLINT(cert-msc51-cpp): the same every time
  const std::vector<std::string> labels_ = {"a",     "b",    "us1",    "us2",  "api", "www",
                                            "x",     "my",   "a-b",    "_s",   "us",  "zz",
                                            "api-2", "www7", "my-api", "www-a"};
  const std::vector<std::string> wilds_ = {"*", "us*", "{tenant}", "{tenant}-b", "a*", "*-b"};
  const std::vector<std::string> tops_ = {"one.com", "two.com", "co.uk", "b.one.com"};
};

PackBuilder forty_rules(Dice& dice) {
  PackBuilder builder;
  builder.tool("a");
  for (int i = 0; i < 40; ++i) {
    const std::string text = dice.pattern();
    const Meaning meanings[] = {Meaning::tool,    Meaning::tool,   Meaning::tool, Meaning::denied,
                                Meaning::payment, Meaning::shared, Meaning::idp};
    gnomon::RuleRecord& rule = builder.rule(text, meanings[dice.roll(std::size(meanings))]);
    if (rule.pattern.has_tenant && dice.roll(2) == 0) {
      rule.reserved = {"x", "a"};
    }
  }
  return builder;
}

}  // namespace

TEST_CASE("RulePack: the index answers like a walk over all rules", "[core][catalog]") {
  Dice dice;
  for (int round = 0; round < 60; ++round) {
    PackBuilder builder = forty_rules(dice);
    const auto pack = builder.pack();
    for (int i = 0; i < 400; ++i) {
      const std::string host = dice.host();
      std::uint32_t best = 0;
      std::uint32_t also = 0;
      for (const gnomon::RuleRecord& rule : builder.content().rules) {
        if (matches(rule.pattern, builder.content().reserved, rule.reserved, host)) {
          best = std::max(best, gnomon::specificity(rule.pattern, rule.meaning));
          also |= 1U << static_cast<unsigned>(rule.meaning);
        }
      }
      CAPTURE(host);
      const HostMatch match = pack->match(host);
      REQUIRE(match.also == also);
      if (also != 0) {
        const auto pattern = HostPattern::parse(pack->rule_text(match.rule));
        REQUIRE(gnomon::specificity(*pattern, match.meaning) == best);
      }
    }
  }
}

TEST_CASE("RulePack: hosts are grouped by the public suffix list", "[core][catalog]") {
  PackBuilder builder;
  builder.tool("a");
  builder.rule("a.example.com");
  // The example of publicsuffix.org, "Format".
  builder.content().suffixes = {
      {"com", gnomon::kSuffixPlain},        {"uk", gnomon::kSuffixPlain},
      {"co.uk", gnomon::kSuffixPlain},      {"ck", gnomon::kSuffixWildcard},
      {"www.ck", gnomon::kSuffixException}, {"github.io", gnomon::kSuffixPlain}};
  const auto pack = builder.pack();
  const auto domain = [&](std::string_view host) { return pack->registrable_domain(host); };
  CHECK(domain("com").empty());
  CHECK(domain("example.com") == "example.com");
  CHECK(domain("a.b.example.com") == "example.com");
  CHECK(domain("co.uk").empty());
  CHECK(domain("shop.example.co.uk") == "example.co.uk");
  CHECK(domain("test.ck").empty());
  CHECK(domain("b.test.ck") == "b.test.ck");
  CHECK(domain("a.b.test.ck") == "b.test.ck");
  CHECK(domain("www.ck") == "www.ck");
  CHECK(domain("www.www.ck") == "www.ck");
  CHECK(domain("me.github.io") == "me.github.io");
  CHECK(domain("x.unlisted") == "x.unlisted");
  CHECK(domain("a..com").empty());
  CHECK(domain("").empty());
  CHECK(domain("a.com.").empty());
}

TEST_CASE("RulePack: tools, sequences, weights and resolvers come back as they went in",
          "[core][catalog]") {
  PackBuilder builder;
  builder.tool("zeta");
  const auto family = builder.tool("fam", gnomon::kToolIsFamily);
  const auto tool = builder.tool("alpha", gnomon::kToolFreeTier);
  builder.content().tools[tool].family = family;
  builder.content().tools[tool].data = 0b101;
  builder.content().tools[tool].sso = 2;
  builder.rule("id.fam.com", Meaning::family, family, Role::login);
  builder.rule("app.alpha.com", Meaning::tool, tool);
  gnomon::SequenceRecord sequence;
  sequence.id = "alpha-signup";
  sequence.tool = tool;
  sequence.steps.push_back({Role::site, {}, 1, true});
  sequence.steps.push_back({Role::unknown, 0, 2, false});
  builder.content().sequences.push_back(sequence);
  builder.content().weights = {{"first_ever", 2.0}, {"bias", -6.5}};
  builder.content().providers.push_back({"blind:Example", "Example", {}});
  gnomon::IpAddress address;
  address.bytes = {192, 0, 2, 1};
  builder.content().resolvers = {{address, 0}};
  const auto pack = builder.pack();
  REQUIRE(pack->find_tool("alpha"));
  const gnomon::ToolView view = pack->tool(*pack->find_tool("alpha"));
  CHECK(view.name == "alpha name");
  CHECK(view.category == "project-management");
  CHECK(view.jobs == std::vector<std::string_view>{"task-board"});
  CHECK(view.data == std::vector<std::string_view>{"business-content", "source-code"});
  CHECK(view.sso == "paid_tier");
  CHECK(view.free_tier);
  REQUIRE(view.family);
  CHECK(pack->tool(*view.family).id == "fam");
  CHECK(pack->tool(*view.family).is_family);
  CHECK_FALSE(pack->find_tool("beta"));
  REQUIRE(pack->sequences().size() == 1);
  const gnomon::Sequence& back = pack->sequences().front();
  CHECK(back.tool == *pack->find_tool("alpha"));
  REQUIRE(back.steps.size() == 2);
  CHECK(back.steps[1].host == "id.fam.com");
  CHECK(*back.steps[1].rule == pack->match("id.fam.com").rule);
  CHECK(back.steps[1].min_flows == 2);
  CHECK(*pack->weight("bias") == -6.5);
  CHECK_FALSE(pack->weight("nothing"));
  CHECK(pack->resolver_at(address) == "Example");
  CHECK(pack->resolver_at({}).empty());
}
