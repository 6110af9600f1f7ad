#include "agent/confinement.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "agent/landlock.h"
#include "agent/privileges.h"
#include "core/file.h"
#include "tests/support/catch.h"
#include "tests/support/temp_directory.h"

namespace gnomon {
namespace {

using testing::TempDirectory;

// in_child runs `body` in a process of its own, because rights do not come back; yields its result.
template <typename Body>
int in_child(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(body());
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// error_of yields the errno of a call, 0 when it succeeded.
template <typename Call>
int error_of(Call call) {
  errno = 0;
  return call() < 0 ? errno : 0;
}

int open_error(const std::string& path, int flags) {
  return error_of([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0600); });
}

// Whether this system lets a process confine itself. Inside a container it may not.
bool seccomp_is_here() {
  const bool here = in_child([] { return drop_privileges({}) && confine_process() ? 0 : 1; }) == 0;
  if (!here) {
    WARN("this system has no seccomp to use; what is held without it is tested elsewhere");
  }
  return here;
}

TEST_CASE("Confinement: a confined process starts nothing and looks into nobody",
          "[agent][confinement]") {
  if (!seccomp_is_here()) {
    return;
  }
  const int failed = in_child([] {
    if (!drop_privileges({}) || !confine_process()) {
      return 100;
    }
    char* const arguments[] = {nullptr};
    return error_of([&] { return ::execv("/bin/true", arguments); }) != EPERM               ? 1
           : error_of([] { return ::mount("none", "/mnt", "tmpfs", 0, nullptr); }) != EPERM ? 2
           : error_of([] { return ::unshare(CLONE_NEWUSER); }) != EPERM                     ? 3
           : error_of([] { return ::chroot("/"); }) != EPERM                                ? 4
           : error_of([] { return ::socket(AF_VSOCK, SOCK_STREAM, 0); }) != EPERM           ? 5
           : error_of([] { return ::listen(0, 1); }) != EPERM                               ? 6
           : error_of([] { return ::ioctl(0, TIOCSTI, "x"); }) != EPERM                     ? 9
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
           : error_of([] { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }) != EPERM ? 7
           : error_of([] { return ::fork(); }) != EPERM                                      ? 8
           // Those of root are all alike to an agent that root started.
           : error_of([] { return ::kill(::getppid(), 0); }) != EPERM ? 10
           : error_of([] { return ::prlimit(::getppid(), RLIMIT_NOFILE, nullptr, nullptr); }) !=
                   EPERM
               ? 11
           : error_of([] { return ::kill(::getpid(), 0); }) != 0 ? 12
#endif
                                                                 : 0;
  });
  CHECK(failed == 0);
}

TEST_CASE("Confinement: a confined process still starts threads and keeps files",
          "[agent][confinement]") {
  if (!seccomp_is_here()) {
    return;
  }
  const TempDirectory folder;
  const std::string path = folder.file("file");
  const int failed = in_child([&] {
    if (!drop_privileges({}) || !confine_process()) {
      return 100;
    }
    int wrong = 1;
    std::thread thread{[&] {
      PosixFileSystem files;
      const bool stored = replace_file(files, path, "contents").has_value();
      const auto read = read_whole_file(files, path, 100);
      wrong = stored && read && *read == "contents" ? 0 : 2;
    }};
    thread.join();
    return wrong;
  });
  CHECK(failed == 0);
}

TEST_CASE("Confinement: the capture thread opens no socket and changes no file",
          "[agent][confinement]") {
  if (!seccomp_is_here()) {
    return;
  }
  const TempDirectory folder;
  const std::string path = folder.file("file");
  PosixFileSystem files;
  REQUIRE(replace_file(files, path, "contents", Durable::no));
  const int failed = in_child([&] {
    if (!drop_privileges({}) || !confine_process()) {
      return 100;
    }
    std::atomic<int> other{0};
    std::thread before{[&] {
      // The thread that was there before is not touched.
      while (other == 0) {
        std::this_thread::yield();
      }
      other = open_error(path, O_RDWR) == 0 ? 2 : 3;
    }};
    const bool confined = confine_capture().has_value();
    other = 1;
    before.join();
    sockaddr_in somewhere{};
    somewhere.sin_family = AF_INET;
    const auto* address = reinterpret_cast<const sockaddr*>(&somewhere);
    return !confined                                                                    ? 1
           : other != 2                                                                 ? 2
           : error_of([] { return ::socket(AF_PACKET, SOCK_RAW, 0); }) != EPERM         ? 3
           : error_of([] { return ::socket(AF_INET, SOCK_STREAM, 0); }) != EPERM        ? 4
           : error_of([&] { return ::connect(0, address, sizeof somewhere); }) != EPERM ? 5
           : open_error(path, O_WRONLY) != EPERM                                        ? 6
           : open_error(path, O_RDWR) != EPERM                                          ? 7
           : open_error(path + "2", O_RDONLY | O_CREAT) != EPERM                        ? 8
           : open_error(path, O_RDONLY | O_TRUNC) != EPERM                              ? 9
           : error_of([&] { return ::unlink(path.c_str()); }) != EPERM                  ? 10
           : error_of([&] { return ::rename(path.c_str(), "/tmp/x"); }) != EPERM        ? 11
           : error_of([&] { return ::mkdir((path + "3").c_str(), 0700); }) != EPERM     ? 12
           : open_error(path, O_RDONLY) != 0                                            ? 13
                                                                                        : 0;
  });
  CHECK(failed == 0);
}

TEST_CASE("Confinement: the I/O thread reaches its own folder and nobody's secrets",
          "[agent][confinement]") {
  if (landlock_version() == 0 || !seccomp_is_here()) {
    WARN("this kernel has no Landlock; only the system calls are held");
    return;
  }
  const TempDirectory own;
  const TempDirectory others;
  PosixFileSystem files;
  REQUIRE(replace_file(files, others.file("secret"), "contents", Durable::no));
  Reach reach = usual_reach();
  reach.writable.push_back(own.path());
  const int failed = in_child([&] {
    if (!drop_privileges({}) || !confine_process() || !confine_io(reach).fault.empty()) {
      return 100;
    }
    PosixFileSystem mine;
    const bool replaced = replace_file(mine, own.file("a"), "1").has_value() &&
                          replace_file(mine, own.file("a"), "2").has_value() &&
                          mine.make_directory(own.file("b")).has_value() &&
                          mine.remove(own.file("a")).has_value();
    return !replaced                                                                        ? 1
           : open_error(others.file("secret"), O_RDONLY) != EACCES                          ? 2
           : open_error(others.file("new"), O_WRONLY | O_CREAT) != EACCES                   ? 3
           : open_error("/etc/shadow", O_RDONLY) != EACCES                                  ? 4
           : open_error("/root", O_RDONLY | O_DIRECTORY) != EACCES                          ? 5
           : open_error("/proc/1/environ", O_RDONLY) != EACCES                              ? 6
           : open_error("/etc/nsswitch.conf", O_RDONLY) != 0                                ? 7
           : open_error("/proc/self/statm", O_RDONLY) != 0                                  ? 8
           : error_of([] { return ::socket(AF_PACKET, SOCK_RAW, 0); }) != EPERM             ? 9
           : error_of([] { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }) != 0 ? 10
                                                                                            : 0;
  });
  CHECK(failed == 0);
}

TEST_CASE("Confinement: the I/O thread connects to its collector's port alone",
          "[agent][confinement]") {
  if (landlock_version() < 4) {
    WARN("this kernel's Landlock does not know ports");
    return;
  }
  // Two listeners of our own; only the first one's port is within reach.
  std::array<std::uint16_t, 2> ports{};
  std::array<int, 2> listeners{};
  for (std::size_t i = 0; i < ports.size(); ++i) {
    listeners[i] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listeners[i], reinterpret_cast<const sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(listeners[i], 1) == 0);
    REQUIRE(::getsockname(listeners[i], reinterpret_cast<sockaddr*>(&address), &size) == 0);
    ports[i] = ntohs(address.sin_port);
  }
  Reach reach = usual_reach();
  reach.ports = {ports[0]};
  const int failed = in_child([&] {
    if (!drop_privileges({}) || confine_io(reach).landlock < 4) {
      return 100;
    }
    const auto connect_error = [](std::uint16_t port) {
      const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.sin_port = htons(port);
      return error_of([&] {
        return ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
      });
    };
    return connect_error(ports[0]) != 0 ? 1 : connect_error(ports[1]) != EACCES ? 2 : 0;
  });
  CHECK(failed == 0);
  for (const int listener : listeners) {
    ::close(listener);
  }
}

// without_support makes the kernel answer as one that has neither seccomp nor Landlock, or as a
// container that does not let them through.
bool without_support() {
  const std::unique_ptr<void, decltype(&::seccomp_release)> filter(::seccomp_init(SCMP_ACT_ALLOW),
                                                                   &::seccomp_release);
  const scmp_arg_cmp is_seccomp{0, SCMP_CMP_EQ, PR_SET_SECCOMP, 0};
  return ::seccomp_rule_add_array(filter.get(), SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1,
                                  &is_seccomp) == 0 &&
         ::seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(seccomp), 0) == 0 &&
         ::seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(landlock_create_ruleset),
                            0) == 0 &&
         ::seccomp_load(filter.get()) == 0;
}

TEST_CASE("Confinement: where the system offers nothing the agent works on and says so",
          "[agent][confinement]") {
  if (!seccomp_is_here()) {
    return;
  }
  const int failed = in_child([] {
    if (!without_support() || !drop_privileges({})) {
      return 100;
    }
    const auto process = confine_process();
    const IoHold io = confine_io(usual_reach());
    Cage cage;
    cage.calls_fault = process ? "" : process.error().text();
    cage.io = io;
    const std::string words = confinement_words(cage);
    return process                                                              ? 1
           : io.landlock != 0 || io.fault.empty()                               ? 2
           : words.find("system calls not held") == std::string::npos           ? 3
           : words.find("files by their modes alone") == std::string::npos      ? 4
           : ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1                      ? 5
           : error_of([] { return ::open("/proc/self/statm", O_RDONLY); }) != 0 ? 6
                                                                                : 0;
  });
  CHECK(failed == 0);
}

TEST_CASE("Confinement: status says what the kernel offers", "[agent][confinement]") {
  Cage cage;
  cage.keeps_rights = true;
  cage.io.landlock = 7;
  CHECK(confinement_words(cage) ==
        "rights kept to name programs; system calls by an allow-list; files by Landlock 7, "
        "connections to the collector's ports alone");
  cage.io.landlock = 3;
  CHECK(confinement_words(cage).find("ports") == std::string::npos);
  cage.io = IoHold{0, "Landlock: not now"};
  cage.calls_fault = "load seccomp filter: Invalid argument";
  cage.keeps_rights = false;
  CHECK(confinement_words(cage) ==
        "no rights kept; system calls not held, for this system does not do it (load seccomp "
        "filter: Invalid argument); files by their modes alone, for this system has no Landlock to "
        "use (Landlock: not now)");
}

}  // namespace
}  // namespace gnomon
