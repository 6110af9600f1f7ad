#include "cli/rules_ask.h"

#include <algorithm>
#include <iostream>
#include <sstream>

#include "cli/commands.h"
#include "cli/rules_common.h"
#include "core/catalog/overlay.h"
#include "core/rulebook/compile.h"
#include "core/rulebook/reader.h"

namespace gnomon::cli {
namespace {

bool of_tool(const HostMatch& match) {
  return match.meaning == Meaning::tool || match.meaning == Meaning::family;
}

// open_source opens the pack or folder, with the overlay over it when one is named.
std::shared_ptr<const RulePack> open_source(const AskOptions& options) {
  auto pack = pack_or_rules(options.place, options.folder);
  if (pack == nullptr || options.overlay.empty()) {
    return pack;
  }
  const auto text = read_text(options.overlay);
  if (!text) {
    return nullptr;
  }
  const LoadedOverlay loaded = load_overlay(options.overlay, *text, *pack, load_options(""));
  for (const Finding& finding : loaded.findings) {
    std::cerr << finding.to_line() << "\n";
  }
  if (!loaded.ok()) {
    complain("the overlay cannot be used; mend the errors first");
    return nullptr;
  }
  const SecretKey key = SecretKey::generate();
  CompileOptions compile;
  compile.signers = {key};
  TrustedKeys trusted;
  trusted.keys = {key.public_key()};
  const auto overlay = OverlayPack::from_bytes(compile_overlay(loaded.book, compile), trusted);
  if (!overlay) {
    complain(overlay.error().text);
    return nullptr;
  }
  return with_overlay(std::move(pack), *overlay);
}

std::string quoted_or_null(std::string_view text) {
  return text.empty() ? "null" : json_quote(text);
}

void print_match(const RulePack& pack, const std::string& asked, bool all) {
  const std::string host = normal_host(asked);
  const HostMatch match = host.empty() ? HostMatch{} : pack.match(host);
  const bool tool = of_tool(match);
  // A tool's name, or a provider's for the hosts that are a hint only.
  const std::string_view name = tool                            ? pack.tool(match.tool).name
                                : match.meaning == Meaning::idp ? match.name
                                                                : std::string_view{};
  const std::string_view role =
      match.role == Role::unknown ? std::string_view{} : to_string(match.role);
  const std::string_view audience =
      match.audience == Audience::unknown ? std::string_view{} : to_string(match.audience);
  std::ostringstream out;
  out << "{\"host\":" << json_quote(host.empty() ? std::string_view{asked} : host)
      << ",\"tool\":" << (tool ? json_quote(pack.tool(match.tool).id) : "null")
      << ",\"name\":" << quoted_or_null(name) << ",\"role\":" << quoted_or_null(role)
      << ",\"tenant\":" << quoted_or_null(match.tenant)
      << ",\"audience\":" << quoted_or_null(audience) << ",\"confidence\":"
      << (tool || match.meaning == Meaning::idp ? json_quote(to_string(match.confidence)) : "null");
  if (all) {
    out << ",\"meaning\":" << json_quote(to_string(match.meaning)) << ",\"also\":[";
    bool first = true;
    for (unsigned bit = 1; bit <= static_cast<unsigned>(Meaning::system_noise); ++bit) {
      if (match.is(static_cast<Meaning>(bit))) {
        out << (first ? "" : ",") << json_quote(to_string(static_cast<Meaning>(bit)));
        first = false;
      }
    }
    const std::string_view rule =
        match.meaning == Meaning::unknown ? std::string_view{} : pack.rule_text(match.rule);
    out << "],\"provider\":" << quoted_or_null(match.name)
        << ",\"owner\":" << json_quote(to_string(match.owner))
        << ",\"rule\":" << quoted_or_null(rule)
        << ",\"registrable\":" << quoted_or_null(pack.registrable_domain(host));
  }
  std::cout << out.str() << "}\n";
}

std::string describe(const RulePack& pack, const HostMatch& match) {
  std::string text;
  switch (match.meaning) {
    case Meaning::unknown:
      return "nothing in the catalogue names it";
    case Meaning::tool:
    case Meaning::family: {
      const ToolView tool = pack.tool(match.tool);
      text = std::string{tool.name} + " (" + std::string{tool.id} + ")";
      if (match.meaning == Meaning::family) {
        text += ", the family: which of its tools is meant only other hosts can tell";
      }
      text += "; role " + std::string{to_string(match.role)} + ", audience " +
              std::string{to_string(match.audience)} + ", confidence " +
              std::string{to_string(match.confidence)};
      break;
    }
    case Meaning::idp:
      text = "identity provider " + std::string{match.name} + ": a hint about a sign-in, no use";
      break;
    case Meaning::denied:
      text = "a deny rule: it belongs to nobody";
      break;
    case Meaning::shared:
      text = "shared infrastructure: never attributed";
      break;
    case Meaning::host_of_others:
      text = "pages of the vendor's customers: content, no use of the vendor";
      break;
    default:
      text = std::string{to_string(match.meaning)} + ": company for other evidence, no tool";
      break;
  }
  if (!match.tenant.empty()) {
    text += "; tenant " + std::string{match.tenant};
    if (match.owner != TenantOwner::unknown) {
      text += " (" + std::string{to_string(match.owner)} + ")";
    }
  }
  return text;
}

// Near is a rule that almost matched, and what was missing.
struct Near {
  std::string pattern;
  std::string why;
};

std::optional<Near> near_miss(const RulePack& pack, const std::string& host, std::uint32_t rule) {
  const std::string text{pack.rule_text(rule)};
  const auto pattern = HostPattern::parse(text);
  if (!pattern) {
    return std::nullopt;
  }
  const std::string_view fixed = pattern->fixed;
  const bool below = host.size() > fixed.size() && std::string_view{host}.ends_with(fixed) &&
                     host[host.size() - fixed.size() - 1] == '.';
  if (below && pattern->kind == PatternKind::exact) {
    return Near{text, "names one host only, not what is below it"};
  }
  if (below && pattern->kind == PatternKind::wild) {
    std::string_view tenant;
    const std::string_view left = std::string_view{host}.substr(0, host.size() - fixed.size() - 1);
    return Near{text, match_wild(pattern->wild, left, tenant)
                          ? "'" + std::string{tenant} + "' is a reserved label, so no tenant"
                          : "the labels in front do not fit"};
  }
  if (pattern->kind != PatternKind::wild && host != fixed) {
    const std::size_t limit = host.size() < 12 ? 1 : 2;
    if (edit_distance(host, fixed, limit) > limit) {
      return std::nullopt;
    }
    return Near{text, "is spelt nearly the same; look-alikes never match"};
  }
  return std::nullopt;
}

// whose says in brackets what a rule is about.
std::string whose(const RulePack& pack, std::uint32_t rule) {
  const HostMatch said = pack.rule_says(rule);
  return of_tool(said) ? " (" + std::string{pack.tool(said.tool).name} + ", " +
                             std::string{to_string(said.role)} + ")"
                       : " (" + std::string{to_string(said.meaning)} + ")";
}

void explain_host(const RulePack& pack, const std::string& asked) {
  const std::string host = normal_host(asked);
  if (host.empty()) {
    std::cout << asked << ": no host name (IP addresses have no rules)\n";
    return;
  }
  const HostMatch match = pack.match(host);
  std::cout << host << ": " << describe(pack, match) << "\n";
  if (match.meaning != Meaning::unknown) {
    std::cout << "  by the rule  " << pack.rule_text(match.rule);
    if (!match.label.empty()) {
      std::cout << ", which leaves the role to common labels: '" << match.label << "'";
    }
    std::cout << "\n";
    if (match.role_rule != match.rule) {
      std::cout << "  role by       " << pack.rule_text(match.role_rule)
                << ", the catalogue's narrower rule\n";
    }
  }
  std::size_t shown = 0;
  for (std::uint32_t rule = 0; rule < pack.rule_count() && shown < 12; ++rule) {
    if (match.meaning != Meaning::unknown && (rule == match.rule || rule == match.role_rule)) {
      continue;
    }
    const auto pattern = HostPattern::parse(pack.rule_text(rule));
    if (pattern && pattern->kind == PatternKind::suffix &&
        (host == pattern->fixed || std::string_view{host}.ends_with("." + pattern->fixed))) {
      std::cout << "  less specific " << pack.rule_text(rule) << whose(pack, rule) << "\n";
      ++shown;
    } else if (const auto near = near_miss(pack, host, rule)) {
      std::cout << "  almost        " << near->pattern << whose(pack, rule) << ": " << near->why
                << "\n";
      ++shown;
    }
  }
  if (const auto domain = pack.registrable_domain(host); !domain.empty()) {
    std::cout << "  registrable   " << domain << "\n";
  }
}

}  // namespace

int match_hosts(const AskOptions& options) {
  const auto pack = open_source(options);
  if (pack == nullptr) {
    return kImpossible;
  }
  std::ios::sync_with_stdio(false);
  for (const std::string& host : options.hosts) {
    print_match(*pack, host, options.all);
  }
  if (options.hosts.empty()) {
    for (std::string line; std::getline(std::cin, line);) {
      print_match(*pack, line, options.all);
    }
  }
  return kDone;
}

int explain_hosts(const AskOptions& options) {
  const auto pack = open_source(options);
  if (pack == nullptr) {
    return kImpossible;
  }
  for (const std::string& host : options.hosts) {
    explain_host(*pack, host);
  }
  return kDone;
}

int new_tool(const AskOptions& options) {
  const auto pack = open_source(options);
  if (pack == nullptr) {
    return kImpossible;
  }
  const std::string host = normal_host(options.hosts.front());
  const std::string domain{pack->registrable_domain(host)};
  if (domain.empty()) {
    return complain("'" + options.hosts.front() + "' is no host below a registrable domain");
  }
  const HostMatch match = pack->match(host);
  if (match.meaning != Meaning::unknown) {
    return complain(host + " is in the catalogue already: " + describe(*pack, match));
  }
  const std::string id = domain.substr(0, domain.find('.'));
  const auto day = format_time(SystemClock{}.wall()).substr(0, 10);
  std::cout
      << "# rules/tools/" << id << ".yaml: fill in what stands in <>, leave out what you do "
      << "not know.\nvendor: <company>\ntools:\n  - id: " << id
      << "\n    name: <name>\n    homepage: https://" << domain
      << "\n    category: <one of rules/categories.yaml>\n    jobs: [<of rules/jobs.yaml>]\n"
      << "    plans: {free_tier: unknown, self_signup: unknown}\n    checked: " << day
      << "\n    hosts:\n      # Would somebody without an account, reading an unrelated page, "
      << "contact the host? Then it is not app.\n";
  if (host != domain && host != "www." + domain) {
    std::cout << "      - {host: " << host << ", role: <app?>, conf: low}\n";
  }
  std::cout << "      - {host: " << domain << ", role: site}\n      - {host: www." << domain
            << ", role: site}\n";
  return kDone;
}

}  // namespace gnomon::cli
