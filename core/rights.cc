#include "core/rights.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <system_error>

namespace gnomon {
namespace {

using CapabilityData = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

IoError fault(const char* operation, const std::string& what, int number) {
  return IoError{operation, what, {number, std::generic_category()}};
}

void allow(CapabilityData& kept, const CapabilityData& had, unsigned capability) {
  const std::size_t word = capability / 32;
  const std::uint32_t bit = std::uint32_t{1} << (capability % 32);
  kept.at(word).effective |= had.at(word).permitted & bit;
  kept.at(word).permitted |= had.at(word).permitted & bit;
}

struct Ids {
  uid_t user = 0;
  gid_t group = 0;
};

Result<Ids, IoError> ids_of(const std::string& name) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16384> buffer{};  // sysconf(_SC_GETPW_R_SIZE_MAX) says 1024 and may be wrong
  const int failed = ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (failed != 0 || found == nullptr) {
    return Failure{fault("find", "user " + name, failed != 0 ? failed : ENOENT)};
  }
  return Ids{entry.pw_uid, entry.pw_gid};
}

}  // namespace

Result<Ok, IoError> give_up_rights(std::initializer_list<unsigned> keep) {
  __user_cap_header_struct header{};
  header.version = _LINUX_CAPABILITY_VERSION_3;
  CapabilityData had{};
  if (::syscall(SYS_capget, &header, had.data()) != 0) {
    return Failure{fault("read", "capabilities", errno)};
  }
  // The bounding set first: lowering it needs a capability that is about to go. Without that
  // capability it does no harm that it stays, for no_new_privs keeps programs from using it.
  for (unsigned long capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
       ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EPERM) {
      return Failure{fault("bound", "capabilities", errno)};
    }
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return Failure{fault("renounce", "capabilities", errno)};
  }
  static_cast<void>(::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
  CapabilityData kept{};
  for (const unsigned capability : keep) {
    allow(kept, had, capability);
  }
  if (::syscall(SYS_capset, &header, kept.data()) != 0) {
    return Failure{fault("drop", "capabilities", errno)};
  }
  return Ok{};
}

Result<Ok, IoError> become_user(const std::string& name) {
  const auto ids = ids_of(name);
  if (!ids) {
    return Failure{ids.error()};
  }
  if (::initgroups(name.c_str(), ids->group) != 0 || ::setgid(ids->group) != 0 ||
      ::setuid(ids->user) != 0) {
    return Failure{fault("become", "user " + name, errno)};
  }
  return Ok{};
}

Result<Ok, IoError> give_folder(const std::string& path, const std::string& name) {
  const auto ids = ids_of(name);
  if (!ids) {
    return Failure{ids.error()};
  }
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) {
    return Failure{fault("look at", path, errno)};
  }
  if (about.st_uid == ids->user) {
    return Ok{};
  }
  std::error_code failed;
  if (!std::filesystem::is_empty(path, failed) || failed) {
    return Failure{fault("give away", path, EPERM)};
  }
  if (::chown(path.c_str(), ids->user, ids->group) != 0) {
    return Failure{fault("give away", path, errno)};
  }
  return Ok{};
}

std::string exposed_keys(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    struct stat about {};
    if (::stat(path.c_str(), &about) != 0 || (about.st_mode & (S_IRWXG | S_IRWXO)) == 0) {
      continue;
    }
    std::array<char, 8> mode{};
    static_cast<void>(std::snprintf(mode.data(), mode.size(), "%04o", about.st_mode & 07777U));
    return path + " holds a key and others may use it (mode " + mode.data() +
           "): make it yours alone with chmod 600, and think about who may have read it";
  }
  return {};
}

}  // namespace gnomon
