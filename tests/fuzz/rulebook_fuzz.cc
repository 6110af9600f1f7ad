// One rules file of any content beside a small clean book: findings or rules, never a crash; and a
// book without errors always compiles to a pack that opens.

#include <string>

#include "core/rulebook/compile.h"
#include "core/rulebook/rulebook.h"

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
  const std::size_t which = data[0] % (files.size() + 1);
  const std::string text{reinterpret_cast<const char*>(data) + 1, size - 1};
  if (which == files.size()) {
    files.push_back({"tools/fuzz.yaml", text});
  } else {
    files[which].text = text;
  }
  gnomon::LoadOptions options;
  options.suffix_file = GNOMON_SUFFIXES;
  const gnomon::LoadedRules loaded = gnomon::load_rule_files(files, options);
  if (loaded.errors() == 0) {
    const auto pack = preview(loaded.book);
    static_cast<void>(check_answers(loaded.book, *pack));
  }
  return 0;
}
