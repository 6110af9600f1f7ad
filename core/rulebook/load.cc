#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/rulebook/loader.h"
#include "core/rulebook/rulebook.h"

namespace gnomon {
namespace fs = std::filesystem;

namespace {

using Read = void (Loader::*)(Reader&, const YamlValue&);

struct Part {
  std::string_view path;
  Read read;
};

// In this order: tools need the vocabulary.
constexpr Part kParts[] = {
    {"categories.yaml", &Loader::read_categories}, {"jobs.yaml", &Loader::read_jobs},
    {"reserved.yaml", &Loader::read_reserved},     {"model.yaml", &Loader::read_model},
    {"shared.yaml", &Loader::read_shared},         {"idp.yaml", &Loader::read_idp},
    {"signals.yaml", &Loader::read_signals},       {"blind-spots.yaml", &Loader::read_blind_spots},
    {"noise.yaml", &Loader::read_noise},
};

void read_file(Loader& loader, const RuleFile& file, Read read, std::vector<Finding>& findings) {
  Reader in{file.path, findings};
  const auto tree = parse_yaml(file.text);
  if (!tree) {
    in.error(tree.error().line, "yaml", tree.error().text);
    return;
  }
  (loader.*read)(in, *tree);
}

bool is_tools_path(std::string_view path) {
  return path.starts_with("tools/") && path.ends_with(".yaml");
}

}  // namespace

LoadedRules load_rule_files(const std::vector<RuleFile>& files, const LoadOptions& options) {
  LoadedRules loaded;
  Loader loader{options, loaded.book, loaded.findings};
  std::vector<RuleFile> sorted = files;
  std::sort(sorted.begin(), sorted.end(),
            [](const RuleFile& a, const RuleFile& b) { return a.path < b.path; });
  for (const Part& part : kParts) {
    const auto at = std::find_if(sorted.begin(), sorted.end(),
                                 [&](const RuleFile& file) { return file.path == part.path; });
    if (at == sorted.end()) {
      Reader{std::string{part.path}, loaded.findings}.error(
          1, "missing-file", "the rules folder has no such file; every part must be there");
      continue;
    }
    read_file(loader, *at, part.read, loaded.findings);
  }
  for (const RuleFile& file : sorted) {
    if (is_tools_path(file.path)) {
      read_file(loader, file, &Loader::read_tools, loaded.findings);
    }
  }
  loader.finish();
  return loaded;
}

LoadedRules load_rules(const std::string& folder, const LoadOptions& options) {
  std::vector<RuleFile> files;
  std::vector<Finding> unreadable;
  std::error_code error;
  for (fs::recursive_directory_iterator at{folder, error}, end; !error && at != end;
       at.increment(error)) {
    const std::string path = fs::relative(at->path(), folder).generic_string();
    const bool part = std::any_of(std::begin(kParts), std::end(kParts),
                                  [&](const Part& each) { return each.path == path; });
    if (!part && !is_tools_path(path)) {
      continue;
    }
    std::ifstream stream{at->path(), std::ios::binary};
    RuleFile file{path, {std::istreambuf_iterator<char>{stream}, {}}};
    if (!stream) {
      unreadable.push_back({Severity::error, path, 1, "unreadable", "the file cannot be read"});
      continue;
    }
    files.push_back(std::move(file));
  }
  if (error) {
    unreadable.push_back({Severity::error, folder, 1, "unreadable",
                          "the rules folder cannot be read: " + error.message()});
  }
  LoadedRules loaded = load_rule_files(files, options);
  loaded.findings.insert(loaded.findings.begin(), unreadable.begin(), unreadable.end());
  return loaded;
}

}  // namespace gnomon
