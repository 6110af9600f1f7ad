#include "core/rulebook/compile.h"

#include <algorithm>
#include <map>

#include "core/check.h"
#include "core/counted.h"
#include "core/domain_name.h"
#include "core/rulebook/loader.h"
#include "core/rulebook/pack_writer.h"

namespace gnomon {

std::vector<std::uint8_t> compile_pack(const Rulebook& book, const CompileOptions& options) {
  return seal_pack(encode_body(book.content), PackKind::catalogue, options.manifest, options.roots,
                   options.signers);
}

std::vector<std::uint8_t> compile_overlay(const Rulebook& book, const CompileOptions& options) {
  return seal_pack(encode_body(book.content), PackKind::overlay, options.manifest, options.roots,
                   options.signers);
}

bool LoadedOverlay::ok() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& finding) { return finding.severity == Severity::error; });
}

LoadedOverlay load_overlay(const std::string& file, const std::string& text, const RulePack& base,
                           const LoadOptions& options) {
  LoadedOverlay loaded;
  Loader loader{options, loaded.book, loaded.findings};
  loaded.book.content.suffixes.clear();  // those of the catalogue hold
  loader.use_vocabulary(base.categories(), base.jobs());
  Reader in{file, loaded.findings};
  const auto tree = parse_yaml(text);
  if (!tree) {
    in.error(tree.error().line, "yaml", tree.error().text);
    return loaded;
  }
  loader.read_overlay(in, *tree);
  PackContent& content = loaded.book.content;
  const auto known = [&](const std::string& id) {
    return base.find_tool(id).has_value() ||
           std::any_of(content.tools.begin(), content.tools.end(), [&](const ToolRecord& tool) {
             return tool.id == id && (tool.flags & kToolOfBase) == 0;
           });
  };
  for (const Loader::Mention& mention : loader.mentions()) {
    if (!known(mention.id)) {
      in.error(mention.line, "unknown-tool",
               "no tool has the id '" + mention.id +
                   "', neither here nor in the catalogue; `gnomon rules match HOST` tells the id "
                   "of a tool by one of its hosts");
    }
  }
  for (std::size_t i = 0; i < content.tools.size(); ++i) {
    const ToolRecord& tool = content.tools[i];
    if ((tool.flags & kToolOfBase) == 0 && base.find_tool(tool.id)) {
      in.error(loaded.book.tool_places[i].line, "duplicate-id",
               "the catalogue has a tool '" + tool.id +
                   "' already; use 'corrections' to change its hosts, or another id");
    }
  }
  loader.finish();
  return loaded;
}

namespace {

// Reach is what one rule of an overlay takes along: hosts of the catalogue, by tool.
using Reach = std::map<std::string, std::size_t>;

std::string text_of_reach(const std::string& pattern, const Reach& reach) {
  constexpr std::size_t kNamed = 3;
  std::vector<std::pair<std::size_t, std::string>> tools;
  std::size_t hosts = 0;
  tools.reserve(reach.size());
  for (const auto& [tool, count] : reach) {
    tools.emplace_back(count, tool);
    hosts += count;
  }
  std::stable_sort(tools.begin(), tools.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string names;
  for (std::size_t i = 0; i < std::min(tools.size(), kNamed); ++i) {
    names += (i == 0 ? "" : ", ") + tools[i].second;
  }
  if (tools.size() > kNamed) {
    names += " and " + std::to_string(tools.size() - kNamed) + " more";
  }
  return "'" + pattern + "' takes " + counted(hosts, "rule", "rules") +
         " of the catalogue along (" + names + "); if that is not meant, name single hosts";
}

}  // namespace

std::vector<Finding> check_reach(const Rulebook& overlay, const std::string& file,
                                 const RulePack& base) {
  const auto& rules = overlay.content.rules;
  std::map<std::string_view, std::size_t> wide;  // what it ends in -> the rule
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].pattern.kind == PatternKind::suffix) {
      wide.emplace(rules[i].pattern.fixed, i);
    }
  }
  std::map<std::size_t, Reach> reaches;
  for (std::uint32_t number = 0; !wide.empty() && number < base.rule_count(); ++number) {
    const std::string host = sample_host(base.rule_text(number));
    auto found = wide.end();
    for (std::string_view end = host; found == wide.end() && !end.empty();) {
      found = wide.find(end);
      const std::size_t dot = end.find('.');
      end = dot == std::string_view::npos ? std::string_view{} : end.substr(dot + 1);
    }
    if (found == wide.end()) {
      continue;
    }
    const HostMatch said = base.rule_says(number);
    const bool of_tool = said.meaning == Meaning::tool || said.meaning == Meaning::family;
    const RuleRecord& rule = rules[found->second];
    const bool same = rule.meaning == Meaning::tool && of_tool &&
                      overlay.content.tools[rule.tool].id == base.tool(said.tool).id;
    if (of_tool && !same) {
      ++reaches[found->second][std::string{base.tool(said.tool).name}];
    }
  }
  std::vector<Finding> findings;
  findings.reserve(reaches.size());
  for (const auto& [rule, reach] : reaches) {
    findings.push_back({Severity::warning, file, overlay.rule_places[rule].line, "takes-along",
                        text_of_reach(rules[rule].pattern.text, reach)});
  }
  return findings;
}

std::string sample_host(std::string_view pattern) {
  std::string host{pattern.starts_with('.') ? pattern.substr(1) : pattern};
  for (const std::string_view word : {"{tenant+}", "{tenant}", "*"}) {
    for (std::size_t at = host.find(word); at != std::string::npos; at = host.find(word)) {
      host.replace(at, word.size(), "x1");
    }
  }
  return host;
}

std::shared_ptr<const RulePack> preview(const Rulebook& book) {
  const SecretKey key = SecretKey::generate();
  CompileOptions options;
  options.signers = {key};
  TrustedKeys trusted;
  trusted.keys = {key.public_key()};
  auto pack = RulePack::from_bytes(compile_pack(book, options), trusted);
  GNOMON_CHECK(pack.has_value());
  return *pack;
}

std::string host_of(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme != std::string_view::npos) {
    url.remove_prefix(scheme + 3);
  }
  const auto host = DomainName::from_text(url.substr(0, url.find_first_of("/?#:")));
  return host ? host->text() : std::string{};
}

std::vector<Finding> check_answers(const Rulebook& book, const RulePack& pack) {
  std::vector<Finding> findings;
  const auto& tools = book.content.tools;
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const std::string host = host_of(tools[i].homepage);
    const HostMatch match = pack.match(host);
    const auto self = pack.find_tool(tools[i].id);
    const bool of_tool = match.meaning == Meaning::tool || match.meaning == Meaning::family;
    if (of_tool && self) {
      // The homepage may well belong to the family or to a sibling.
      const ToolView own = pack.tool(*self);
      const ToolView answer = pack.tool(match.tool);
      if (match.tool == *self || answer.vendor == own.vendor || own.family == match.tool ||
          (own.family && own.family == answer.family)) {
        continue;
      }
    }
    findings.push_back({Severity::warning, book.tool_places[i].file, book.tool_places[i].line,
                        "homepage",
                        "the homepage of " + tools[i].id + " (" + host +
                            ") is not among its hosts or its vendor's; add it with role site"});
  }
  return findings;
}

}  // namespace gnomon
