#include "core/rulebook/public_suffixes.h"

#include <idn2.h>
#include <libpsl.h>

#include <algorithm>
#include <fstream>
#include <map>

namespace gnomon {
namespace {

// to_a_labels gives the xn-- form of a UTF-8 name; nullopt when it has none.
std::optional<std::string> to_a_labels(const std::string& name) {
  char* out = nullptr;
  const int result = idn2_to_ascii_8z(name.c_str(), &out, IDN2_NONTRANSITIONAL);
  if (result != IDN2_OK || out == nullptr) {
    return std::nullopt;
  }
  std::string text{out};
  idn2_free(out);
  return text;
}

// read_records reads the lines of a list file: the first word of each, comments left out.
std::vector<SuffixRecord> read_records(std::istream& stream) {
  std::map<std::string, std::uint8_t> kinds;
  std::string line;
  while (std::getline(stream, line)) {
    std::string rule = line.substr(0, line.find_first_of(" \t\r"));
    if (rule.empty() || rule.starts_with("//")) {
      continue;
    }
    std::uint8_t kind = kSuffixPlain;
    if (rule.starts_with("!")) {
      kind = kSuffixException;
      rule.erase(0, 1);
    } else if (rule.starts_with("*.")) {
      kind = kSuffixWildcard;
      rule.erase(0, 2);
    }
    if (const auto name = to_a_labels(rule)) {
      kinds[*name] |= kind;
    }
  }
  std::vector<SuffixRecord> records;
  records.reserve(kinds.size());
  for (auto& [text, kind] : kinds) {
    records.push_back({text, kind});
  }
  return records;
}

class FilePublicSuffixes final : public PublicSuffixes {
 public:
  FilePublicSuffixes(psl_ctx_t* list, std::vector<SuffixRecord> records)
      : list_(list, psl_free), records_(std::move(records)) {}

  bool is_registry(const std::string& name) const override {
    return psl_is_public_suffix2(list_.get(), name.c_str(), PSL_TYPE_ICANN) != 0;
  }
  std::string registrable(const std::string& name) const override {
    const char* found = psl_registrable_domain(list_.get(), name.c_str());
    return found == nullptr ? std::string{} : std::string{found};
  }
  const std::vector<SuffixRecord>& records() const override { return records_; }

 private:
  std::unique_ptr<psl_ctx_t, decltype(&psl_free)> list_;
  std::vector<SuffixRecord> records_;
};

}  // namespace

std::unique_ptr<PublicSuffixes> PublicSuffixes::open(const std::string& path) {
  std::ifstream stream{path};
  psl_ctx_t* list = stream ? psl_load_file(path.c_str()) : nullptr;
  if (list == nullptr) {
    return nullptr;
  }
  return std::make_unique<FilePublicSuffixes>(list, read_records(stream));
}

bool valid_a_labels(std::string_view name) {
  while (!name.empty()) {
    const std::size_t dot = std::min(name.find('.'), name.size());
    const std::string_view label = name.substr(0, dot);
    if (label.starts_with("xn--")) {
      char* out = nullptr;
      const int result = idn2_to_unicode_8z8z(std::string{label}.c_str(), &out, 0);
      // Only a label that comes back from its letters is one (RFC 5891, section 5.4).
      const bool decoded = result == IDN2_OK && out != nullptr && to_a_labels(out) == label;
      idn2_free(out);
      if (!decoded) {
        return false;
      }
    }
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  return true;
}

}  // namespace gnomon
