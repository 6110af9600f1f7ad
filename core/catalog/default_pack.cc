#include "core/catalog/default_pack.h"

#include <filesystem>
#include <vector>

#include "core/catalog/trust.h"

namespace gnomon {
namespace fs = std::filesystem;

std::optional<PackPlace> find_default_pack() {
  std::vector<fs::path> folders;
  std::error_code error;
  if (const fs::path self = fs::read_symlink("/proc/self/exe", error); !error) {
    folders.push_back(self.parent_path().parent_path() / "share" / "gnomon");
  }
  folders.emplace_back("/usr/share/gnomon");
  for (const fs::path& folder : folders) {
    const fs::path pack = folder / "catalogue.pack";
    const fs::path trust = folder / "catalogue.trust";
    if (fs::is_regular_file(pack, error) && fs::is_regular_file(trust, error)) {
      return PackPlace{pack.string(), trust.string()};
    }
  }
  return std::nullopt;
}

Result<std::shared_ptr<const RulePack>, PackError> load_pack(const PackPlace& place,
                                                             const PackLimits& limits) {
  PackPlace full = place;
  if (full.pack.empty() || full.trust.empty()) {
    const auto usual = find_default_pack();
    if (!usual) {
      return Failure{PackError{PackFault::unreadable,
                               "no rule pack found beside the program or in /usr/share/gnomon; "
                               "name one with --rules and its trust file with --trust"}};
    }
    full.pack = full.pack.empty() ? usual->pack : full.pack;
    full.trust = full.trust.empty() ? usual->trust : full.trust;
  }
  const auto trusted = read_trust(full.trust);
  if (!trusted) {
    return Failure{PackError{trusted.error().fault, full.trust + ": " + trusted.error().text}};
  }
  auto pack = RulePack::open(full.pack, *trusted, limits);
  if (!pack) {
    return Failure{PackError{pack.error().fault, full.pack + ": " + pack.error().text}};
  }
  return pack;
}

}  // namespace gnomon
