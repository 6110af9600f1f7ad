#include "agent/landlock.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace gnomon {
namespace {

// Headers of Linux 6.1 know rights up to version 2; these are of later ones (linux/landlock.h).
constexpr std::uint64_t kTruncate = std::uint64_t{1} << 14;        // version 3, Linux 6.2
constexpr std::uint64_t kConnectTcp = std::uint64_t{1} << 1;       // version 4, Linux 6.7
constexpr std::uint64_t kBindTcp = std::uint64_t{1} << 0;          // version 4
constexpr std::uint64_t kIoctlDevice = std::uint64_t{1} << 15;     // version 5, Linux 6.10
constexpr std::uint64_t kAbstractSockets = std::uint64_t{1} << 0;  // version 6, Linux 6.12
constexpr std::uint64_t kSignals = std::uint64_t{1} << 1;          // version 6
constexpr int kNetPort = 2;                                        // enum landlock_rule_type

// What a folder of our own needs beside reading.
constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kWrite = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                 LANDLOCK_ACCESS_FS_MAKE_REG;

// The two structures as the newest version has them; the size that is passed says which is meant.
struct Ruleset {
  std::uint64_t files = 0;
  std::uint64_t net = 0;
  std::uint64_t scoped = 0;
};
struct PortRule {
  std::uint64_t allowed = 0;
  std::uint64_t port = 0;
};

std::size_t size_for(int version) {
  return version >= 6   ? sizeof(Ruleset)
         : version >= 4 ? 2 * sizeof(std::uint64_t)
                        : sizeof(std::uint64_t);
}

std::uint64_t all_file_rights(int version) {
  // Version 1 has thirteen; each later one adds above them.
  std::uint64_t rights = (std::uint64_t{1} << 13) - 1;
  rights |= version >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0;
  rights |= version >= 3 ? kTruncate : 0;
  rights |= version >= 5 ? kIoctlDevice : 0;
  return rights;
}

// Descriptor closes what it holds.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }
  int number() const { return number_; }

 private:
  int number_;
};

IoError fault(const std::string& path, int number) {
  return IoError{"restrict", path, {number, std::generic_category()}};
}

Result<Ok, IoError> allow_path(int ruleset, const std::string& path, std::uint64_t rights) {
  const Descriptor place{::open(path.c_str(), O_PATH | O_CLOEXEC)};
  if (place.number() < 0) {
    return errno == ENOENT || errno == EACCES || errno == ENOTDIR
               ? Result<Ok, IoError>{Ok{}}
               : Result<Ok, IoError>{Failure{fault(path, errno)}};
  }
  struct stat about {};
  if (::fstat(place.number(), &about) != 0) {
    return Failure{fault(path, errno)};
  }
  // Rights of folders are refused for a file.
  const std::uint64_t of_a_file =
      LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | kTruncate;
  landlock_path_beneath_attr rule{};
  rule.allowed_access = S_ISDIR(about.st_mode) ? rights : rights & of_a_file;
  rule.parent_fd = place.number();
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0U) != 0) {
    return Failure{fault(path, errno)};
  }
  return Ok{};
}

}  // namespace

int landlock_version() {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, std::size_t{0},
                                 std::uint32_t{1});  // LANDLOCK_CREATE_RULESET_VERSION
  return version > 0 ? static_cast<int>(version) : 0;
}

Result<Ok, IoError> restrict_with_landlock(const Reach& reach, int version) {
  const std::uint64_t rights = all_file_rights(version);
  Ruleset handled;
  handled.files = rights;
  handled.net = kBindTcp | kConnectTcp;
  handled.scoped = kAbstractSockets | kSignals;
  const Descriptor ruleset{static_cast<int>(
      ::syscall(SYS_landlock_create_ruleset, &handled, size_for(version), std::uint32_t{0}))};
  if (ruleset.number() < 0) {
    return Failure{fault("the thread", errno)};
  }
  const std::uint64_t moving = version >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0;
  for (const std::string& path : reach.writable) {
    if (auto allowed =
            allow_path(ruleset.number(), path, (kRead | kWrite | kTruncate | moving) & rights);
        !allowed) {
      return allowed;
    }
  }
  for (const std::string& path : reach.readable) {
    if (auto allowed = allow_path(ruleset.number(), path, kRead); !allowed) {
      return allowed;
    }
  }
  for (const std::uint16_t port : reach.ports) {
    const PortRule rule{kConnectTcp, port};
    if (version >= 4 &&
        ::syscall(SYS_landlock_add_rule, ruleset.number(), kNetPort, &rule, 0U) != 0) {
      return Failure{fault("port " + std::to_string(port), errno)};
    }
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.number(), 0U) != 0) {
    return Failure{fault("the thread", errno)};
  }
  return Ok{};
}

}  // namespace gnomon
