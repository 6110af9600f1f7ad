#include "collector/rules.h"

#include <utility>

#include "core/catalog/default_pack.h"

namespace gnomon {

Result<std::optional<OfferedRules>, std::string> open_rules(FileSystem& files,
                                                            const std::string& pack,
                                                            const std::string& trust) {
  PackPlace place{pack, trust};
  const auto usual = find_default_pack();
  if (pack.empty() && trust.empty() && !usual) {
    return std::optional<OfferedRules>{};
  }
  auto opened = load_pack(place);
  if (!opened) {
    return Failure{"the rule pack cannot be used: " + opened.error().text};
  }
  // load_pack succeeded, so a pack that is not named is the usual one.
  auto bytes = read_whole_file(files, pack.empty() ? usual->pack : pack, kMaxPackBytes);
  if (!bytes) {
    return Failure{"the rule pack cannot be read: " + bytes.error().text()};
  }
  OfferedRules loaded;
  loaded.version = (*opened)->version();
  loaded.pack = std::move(*opened);
  loaded.bytes = std::move(*bytes);
  return std::optional{std::move(loaded)};
}

}  // namespace gnomon
