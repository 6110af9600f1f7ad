#include "core/rulebook/compile.h"

#include <algorithm>

#include "core/check.h"
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
  const auto check = [&](const std::string& id) {
    if (!known(id)) {
      in.error(1, "unknown-tool",
               "no tool has the id '" + id + "', neither here nor in the catalogue");
    }
  };
  for (const ToolRecord& tool : content.tools) {
    if ((tool.flags & kToolOfBase) != 0) {
      check(tool.id);
    } else if (base.find_tool(tool.id)) {
      in.error(1, "duplicate-id",
               "the catalogue has a tool '" + tool.id +
                   "' already; use 'corrections' to change its hosts, or another id");
    }
  }
  for (const std::string& id : content.sanctioned) {
    check(id);
  }
  for (const OwnTenant& tenant : content.tenants) {
    if (!tenant.provider) {
      check(tenant.id);
    }
  }
  loader.finish();
  return loaded;
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
  if (scheme != url.npos) {
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
