#include "agent/attribute/user_pseudonym.h"

#include <openssl/rand.h>

#include <algorithm>
#include <cerrno>

#include "core/check.h"
#include "core/sha256.h"

namespace gnomon {
namespace {

constexpr std::uint32_t kFirstPerson = 1000;  // SYS_UID_MAX + 1 of login.defs
constexpr std::uint32_t kNobody = 65534;
constexpr std::size_t kPseudonymBytes = 10;
constexpr std::size_t kMaxKnown = 1024;

std::string hex(const std::uint8_t* bytes, std::size_t size) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4U];
    text += kDigits[bytes[i] & 15U];
  }
  return text;
}

}  // namespace

Result<UserPseudonym, IoError> UserPseudonym::open(FileSystem& files, const std::string& path) {
  Key key{};
  const auto there = files.exists(path);
  if (!there) {
    return Failure{there.error()};
  }
  if (*there) {
    const auto stored = read_whole_file(files, path, kKeyBytes);
    if (!stored) {
      return Failure{stored.error()};
    }
    if (stored->size() != kKeyBytes) {
      return Failure{IoError{"read", path, std::make_error_code(std::errc::bad_message)}};
    }
    std::copy(stored->begin(), stored->end(), key.begin());
    return UserPseudonym{key};
  }
  GNOMON_CHECK(RAND_bytes(key.data(), static_cast<int>(key.size())) == 1);
  if (const auto written = replace_file(files, path, text_of(key)); !written) {
    return Failure{written.error()};
  }
  return UserPseudonym{key};
}

const std::string& UserPseudonym::of(std::uint32_t uid) {
  if (const auto found = known_.find(uid); found != known_.end()) {
    return found->second;
  }
  if (known_.size() >= kMaxKnown) {
    known_.clear();
  }
  if (uid < kFirstPerson || uid == kNobody) {
    return known_[uid] = "system";
  }
  const std::string message = "gnomon user " + std::to_string(uid);
  const Sha256 hash = hmac_sha256(key_, bytes_of(message));
  return known_[uid] = "u-" + hex(hash.data(), kPseudonymBytes);
}

}  // namespace gnomon
