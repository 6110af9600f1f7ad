#include "agent/uplink/identity.h"

#include <system_error>
#include <utility>

namespace gnomon {
namespace {

constexpr std::size_t kMaxIdentity = std::size_t{64} << 10;

std::string path_in(const std::string& directory) {
  return directory + "/identity.pem";
}

}  // namespace

Result<std::optional<Identity>, IoError> load_identity(FileSystem& files,
                                                       const std::string& directory) {
  const std::string path = path_in(directory);
  const auto there = files.exists(path);
  if (!there) {
    return Failure{there.error()};
  }
  if (!*there) {
    return std::optional<Identity>{};
  }
  const auto text = read_whole_file(files, path, kMaxIdentity);
  if (!text) {
    return Failure{text.error()};
  }
  const auto key = PrivateKey::from_pem(*text);
  std::vector<Certificate> chain = parse_pem_chain(*text);
  if (!key || chain.size() < 2 || !chain.front().belongs_to(*key) ||
      chain.front().common_name().empty()) {
    return Failure{IoError{"read", path, std::make_error_code(std::errc::illegal_byte_sequence)}};
  }
  const Certificate root = chain.back();
  chain.pop_back();
  std::string agent = chain.front().common_name();
  return std::optional<Identity>{Identity{std::move(agent), *key, std::move(chain), root}};
}

std::string overlay_trust_path(const std::string& directory) {
  return directory + "/overlay.trust";
}

Result<Ok, IoError> store_overlay_trust(FileSystem& files, const std::string& directory,
                                        const std::string& text) {
  if (auto made = files.make_directory(directory); !made) {
    return made;
  }
  const std::string path = overlay_trust_path(directory);
  if (!text.empty()) {
    return replace_file(files, path, text);
  }
  const auto there = files.exists(path);
  if (!there) {
    return Failure{there.error()};
  }
  return *there ? files.remove(path) : Result<Ok, IoError>{Ok{}};
}

Result<Ok, IoError> store_identity(FileSystem& files, const std::string& directory,
                                   const Identity& identity) {
  if (auto made = files.make_directory(directory); !made) {
    return made;
  }
  std::string text = identity.key.to_pem();
  for (const Certificate& certificate : identity.chain) {
    text += certificate.to_pem();
  }
  text += identity.root.to_pem();
  return replace_file(files, path_in(directory), text);
}

}  // namespace gnomon
