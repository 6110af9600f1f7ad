// One rules file of any content beside a small clean book, or a company's overlay over it: findings
// or rules, never a crash; and what has no errors always compiles to a pack that opens and answers.

#include <memory>
#include <string>

#include "core/catalog/overlay.h"
#include "core/rulebook/compile.h"
#include "core/rulebook/rulebook.h"

namespace {

// lay_over reads an overlay of any content, and asks the catalogue below it.
void lay_over(const std::shared_ptr<const gnomon::RulePack>& base, const std::string& text,
              const gnomon::LoadOptions& options) {
  const gnomon::LoadedOverlay loaded = gnomon::load_overlay("fuzz.yaml", text, *base, options);
  static_cast<void>(gnomon::check_reach(loaded.book, "fuzz.yaml", *base));
  if (!loaded.ok()) {
    return;
  }
  static const gnomon::SecretKey kKey = gnomon::SecretKey::generate();
  gnomon::CompileOptions compile;
  compile.signers = {kKey};
  gnomon::TrustedKeys trusted;
  trusted.keys = {kKey.public_key()};
  const auto overlay =
      gnomon::OverlayPack::from_bytes(compile_overlay(loaded.book, compile), trusted);
  if (!overlay) {
    __builtin_trap();
  }
  const auto pack = with_overlay(base, *overlay);
  for (std::uint32_t rule = 0; rule < pack->rule_count(); ++rule) {
    const gnomon::HostMatch match = pack->match(gnomon::sample_host(pack->rule_text(rule)));
    // Property: whoever answers, tool and rules exist.
    const bool of_tool =
        match.meaning == gnomon::Meaning::tool || match.meaning == gnomon::Meaning::family;
    if ((of_tool && match.tool >= pack->tool_count()) || match.rule >= pack->rule_count() ||
        match.role_rule >= pack->rule_count()) {
      __builtin_trap();
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 4096) {
    return 0;
  }
  static const std::vector<gnomon::RuleFile> kFiles = {
      {"categories.yaml", "categories: [{id: design, label: Design}]"},
      {"jobs.yaml", "jobs: [{id: diagramming, label: D, category: design}]"},
      {"reserved.yaml", "reserved: [www]"},
      {"model.yaml", "bias: -6"},
      {"shared.yaml", "never: [{host: .cloudfront.net}]"},
      {"idp.yaml", "providers: [{id: okta, name: Okta, hosts: [{host: \"{tenant}.okta.com\"}]}]"},
      {"signals.yaml", "captcha: [{host: .hcaptcha.com}]"},
      {"blind-spots.yaml", "relays: [{host: mask.icloud.com}]"},
      {"noise.yaml", "system: [{host: .windowsupdate.com}]"},
  };
  // The first byte chooses which file the rest is.
  std::vector<gnomon::RuleFile> files = kFiles;
  const std::size_t which = data[0] % (files.size() + 2);
  const std::string text{reinterpret_cast<const char*>(data) + 1, size - 1};
  gnomon::LoadOptions options;
  options.suffix_file = GNOMON_SUFFIXES;
  if (which == files.size() + 1) {
    files.push_back({"tools/a.yaml",
                     "vendor: A\ntools: [{id: a, name: A, homepage: https://a.example, category: "
                     "design, jobs: [diagramming], hosts: [{host: a.example, role: site}, {host: "
                     "\"{tenant}.a.example\", role: app}]}]"});
    static const auto kBase = preview(gnomon::load_rule_files(files, options).book);
    lay_over(kBase, text, options);
    return 0;
  }
  if (which == files.size()) {
    files.push_back({"tools/fuzz.yaml", text});
  } else {
    files[which].text = text;
  }
  const gnomon::LoadedRules loaded = gnomon::load_rule_files(files, options);
  if (loaded.errors() == 0) {
    const auto pack = preview(loaded.book);
    static_cast<void>(check_answers(loaded.book, *pack));
  }
  return 0;
}
