// UserPseudonym: names users without saying who they are.

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "core/file.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// UserPseudonym turns a user id into a short name that means the same person on this machine only:
// HMAC-SHA-256 under a key that never leaves the machine, cut to 80 bits. Ids of the system's own
// accounts (below 1000, and nobody) become "system". For one thread.
class UserPseudonym {
 public:
  static constexpr std::size_t kKeyBytes = 32;
  using Key = std::array<std::uint8_t, kKeyBytes>;

  // open reads the key from `path`, or makes one and stores it durably there.
  static Result<UserPseudonym, IoError> open(FileSystem& files, const std::string& path);
  explicit UserPseudonym(const Key& key) : key_(key) {}

  const std::string& of(std::uint32_t uid);

 private:
  Key key_;
  std::map<std::uint32_t, std::string> known_;
};

}  // namespace gnomon
