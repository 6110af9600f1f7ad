#include "agent/confinement.h"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <initializer_list>
#include <memory>

#include "agent/landlock.h"

namespace gnomon {
namespace {

constexpr std::uint32_t kRefused = SCMP_ACT_ERRNO(EPERM);

// A thread-local filter adds to the ones before it: the strictest answer counts.
class Filter {
 public:
  explicit Filter(std::uint32_t otherwise)
      : context_(::seccomp_init(otherwise), &::seccomp_release) {
    // Without the attribute the kernel's own word for a failure is lost.
    error_ = context_ == nullptr ? -ENOMEM
                                 : ::seccomp_attr_set(context_.get(), SCMP_FLTATR_API_SYSRAWRC, 1);
  }

  void add(std::uint32_t action, std::initializer_list<int> calls) {
    for (const int call : calls) {
      add_when(action, call, {});
    }
  }

  void add_when(std::uint32_t action, int call, std::initializer_list<scmp_arg_cmp> arguments) {
    if (error_ != 0) {
      return;
    }
    const int added = ::seccomp_rule_add_array(
        context_.get(), action, call, static_cast<unsigned>(arguments.size()), arguments.begin());
    // A call that this machine's kernel does not have needs no rule.
    error_ = added == -EDOM || added == -EEXIST ? 0 : added;
  }

  Result<Ok, IoError> load() {
    if (error_ == 0) {
      error_ = ::seccomp_load(context_.get());
    }
    if (error_ != 0) {
      return Failure{IoError{"load", "seccomp filter", {-error_, std::generic_category()}}};
    }
    return Ok{};
  }

 private:
  std::unique_ptr<void, decltype(&::seccomp_release)> context_;
  int error_ = 0;
};

scmp_arg_cmp argument(unsigned index, std::uint64_t value) {
  return {index, SCMP_CMP_EQ, value, 0};
}

scmp_arg_cmp masked(unsigned index, std::uint64_t mask, std::uint64_t value) {
  return {index, SCMP_CMP_MASKED_EQ, mask, value};
}

void allow_files_and_memory(Filter& filter) {
  filter.add(
      SCMP_ACT_ALLOW,
      {SCMP_SYS(read),       SCMP_SYS(write),      SCMP_SYS(readv),     SCMP_SYS(writev),
       SCMP_SYS(pread64),    SCMP_SYS(pwrite64),   SCMP_SYS(preadv),    SCMP_SYS(pwritev),
       SCMP_SYS(open),       SCMP_SYS(openat),     SCMP_SYS(close),     SCMP_SYS(close_range),
       SCMP_SYS(stat),       SCMP_SYS(fstat),      SCMP_SYS(lstat),     SCMP_SYS(newfstatat),
       SCMP_SYS(statx),      SCMP_SYS(statfs),     SCMP_SYS(fstatfs),   SCMP_SYS(access),
       SCMP_SYS(faccessat),  SCMP_SYS(faccessat2), SCMP_SYS(readlink),  SCMP_SYS(readlinkat),
       SCMP_SYS(getdents64), SCMP_SYS(lseek),      SCMP_SYS(fcntl),     SCMP_SYS(flock),
       SCMP_SYS(dup),        SCMP_SYS(dup2),       SCMP_SYS(dup3),      SCMP_SYS(pipe2),
       SCMP_SYS(rename),     SCMP_SYS(renameat),   SCMP_SYS(renameat2), SCMP_SYS(unlink),
       SCMP_SYS(unlinkat),   SCMP_SYS(mkdir),      SCMP_SYS(mkdirat),   SCMP_SYS(rmdir),
       SCMP_SYS(ftruncate),  SCMP_SYS(fsync),      SCMP_SYS(fdatasync), SCMP_SYS(fallocate),
       SCMP_SYS(fadvise64),  SCMP_SYS(fchmod),     SCMP_SYS(umask),     SCMP_SYS(getcwd),
       SCMP_SYS(mmap),       SCMP_SYS(munmap),     SCMP_SYS(mremap),    SCMP_SYS(mprotect),
       SCMP_SYS(madvise),    SCMP_SYS(brk),        SCMP_SYS(msync),     SCMP_SYS(mincore),
       SCMP_SYS(ioctl)});
}

void allow_time_and_threads(Filter& filter) {
  filter.add(
      SCMP_ACT_ALLOW,
      {SCMP_SYS(epoll_create1), SCMP_SYS(epoll_create), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait),
       SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_pwait2), SCMP_SYS(poll), SCMP_SYS(ppoll),
       SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(eventfd2), SCMP_SYS(timerfd_create),
       SCMP_SYS(timerfd_settime), SCMP_SYS(timerfd_gettime), SCMP_SYS(clock_gettime),
       SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
       SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(futex), SCMP_SYS(set_robust_list),
       SCMP_SYS(get_robust_list), SCMP_SYS(rseq), SCMP_SYS(membarrier), SCMP_SYS(sched_yield),
       SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler),
       SCMP_SYS(set_tid_address), SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(getppid),
       SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
       SCMP_SYS(getgroups), SCMP_SYS(getresuid), SCMP_SYS(getresgid), SCMP_SYS(rt_sigaction),
       SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigpending),
       SCMP_SYS(rt_sigtimedwait), SCMP_SYS(sigaltstack), SCMP_SYS(exit), SCMP_SYS(exit_group),
       SCMP_SYS(restart_syscall), SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(getrusage),
       SCMP_SYS(getrlimit), SCMP_SYS(getcpu), SCMP_SYS(getrandom), SCMP_SYS(arch_prctl),
       SCMP_SYS(prctl),
       // Only ever to take more away: no_new_privs is set.
       SCMP_SYS(capget), SCMP_SYS(capset), SCMP_SYS(seccomp), SCMP_SYS(landlock_create_ruleset),
       SCMP_SYS(landlock_add_rule), SCMP_SYS(landlock_restrict_self)});
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  // LeakSanitizer traces its own threads from a helper process when the program ends.
  filter.add(SCMP_ACT_ALLOW, {SCMP_SYS(clone), SCMP_SYS(wait4), SCMP_SYS(ptrace),
                              SCMP_SYS(getdents), SCMP_SYS(process_vm_readv), SCMP_SYS(personality),
                              SCMP_SYS(kill), SCMP_SYS(tgkill), SCMP_SYS(prlimit64)});
#else
  // Root's agent is root to every other process of root: signals and limits are for itself alone.
  const auto self = static_cast<std::uint64_t>(::getpid());
  filter.add_when(SCMP_ACT_ALLOW, SCMP_SYS(kill), {argument(0, self)});
  filter.add_when(SCMP_ACT_ALLOW, SCMP_SYS(tgkill), {argument(0, self)});
  filter.add_when(SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), {argument(0, 0)});
  // Threads, no processes. What clone3 asks for cannot be looked at, and the C library asks with
  // clone when it hears that there is no clone3.
  filter.add_when(SCMP_ACT_ALLOW, SCMP_SYS(clone), {masked(0, CLONE_THREAD, CLONE_THREAD)});
#endif
  filter.add(SCMP_ACT_ERRNO(ENOSYS), {SCMP_SYS(clone3)});
}

void allow_sockets(Filter& filter) {
  filter.add(SCMP_ACT_ALLOW,
             {SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
              SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
              SCMP_SYS(sendmmsg), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg),
              SCMP_SYS(shutdown), SCMP_SYS(socketpair)});
  for (const int family : {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET}) {
    filter.add_when(SCMP_ACT_ALLOW, SCMP_SYS(socket),
                    {argument(0, static_cast<std::uint64_t>(family))});
  }
}

}  // namespace

Result<Ok, IoError> confine_process() {
  Filter filter{kRefused};
  allow_files_and_memory(filter);
  allow_time_and_threads(filter);
  allow_sockets(filter);
  if (auto loaded = filter.load(); !loaded) {
    return loaded;
  }
  // Typing into the terminal that root started us from. The kernel looks at 32 bits of the number.
  Filter typing{SCMP_ACT_ALLOW};
  for (const std::uint64_t request : {std::uint64_t{TIOCSTI}, std::uint64_t{TIOCLINUX}}) {
    typing.add_when(kRefused, SCMP_SYS(ioctl), {masked(1, UINT32_MAX, request)});
  }
  return typing.load();
}

Result<Ok, IoError> confine_capture() {
  Filter filter{SCMP_ACT_ALLOW};
  filter.add(kRefused, {SCMP_SYS(socket), SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(bind),
                        SCMP_SYS(rename), SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(unlink),
                        SCMP_SYS(unlinkat), SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(rmdir),
                        SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(fchmod)});
  // The flags stand in another place for each of the two calls.
  for (const std::uint64_t flags :
       {std::uint64_t{O_WRONLY}, std::uint64_t{O_RDWR}, std::uint64_t{O_ACCMODE}}) {
    filter.add_when(kRefused, SCMP_SYS(open), {masked(1, O_ACCMODE, flags)});
    filter.add_when(kRefused, SCMP_SYS(openat), {masked(2, O_ACCMODE, flags)});
  }
  for (const std::uint64_t flag : {std::uint64_t{O_CREAT}, std::uint64_t{O_TRUNC}}) {
    filter.add_when(kRefused, SCMP_SYS(open), {masked(1, flag, flag)});
    filter.add_when(kRefused, SCMP_SYS(openat), {masked(2, flag, flag)});
  }
  return filter.load();
}

Reach usual_reach() {
  Reach reach;
  reach.readable = {"/usr/lib",  // the C library loads its resolver when it is first asked
                    "/lib",
                    "/lib64",
                    "/etc/ld.so.cache",
                    "/run/systemd/resolve",
                    "/run/resolvconf",
                    "/run/NetworkManager",
                    "/usr/share/zoneinfo",
                    "/sys/devices/system/cpu",
                    "/proc/self"};
  if (::geteuid() == 0) {
    reach.readable.insert(reach.readable.end(),
                          {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf",
                           "/etc/gai.conf", "/etc/services", "/etc/localtime", "/etc/ssl/certs",
                           "/etc/machine-id", "/etc/os-release"});
  } else {
    // Whoever replaces resolv.conf puts a new file in its place, which only a rule for the folder
    // covers. What is secret there is not this user's to read.
    reach.readable.emplace_back("/etc");
  }
  return reach;
}

IoHold confine_io(const Reach& reach) {
  IoHold hold;
  hold.landlock = landlock_version();
  if (hold.landlock > 0) {
    if (const auto restricted = restrict_with_landlock(reach, hold.landlock); !restricted) {
      hold.landlock = 0;
      hold.fault = "Landlock: " + restricted.error().text();
    }
  }
  Filter filter{SCMP_ACT_ALLOW};
  filter.add_when(kRefused, SCMP_SYS(socket), {argument(0, AF_PACKET)});
  if (const auto loaded = filter.load(); !loaded && hold.fault.empty()) {
    hold.fault = "packet sockets: " + loaded.error().text();
  }
  return hold;
}

std::string confinement_words(const Cage& cage) {
  std::string text = cage.keeps_rights ? "rights kept to name programs; " : "no rights kept; ";
  text += cage.calls_fault.empty() ? "system calls by an allow-list; "
                                   : "system calls not held, for this system does not do it (" +
                                         cage.calls_fault + "); ";
  if (cage.io.landlock == 0) {
    text += "files by their modes alone, for this system has no Landlock to use";
  } else {
    text += "files by Landlock " + std::to_string(cage.io.landlock);
    text += cage.io.landlock >= 4 ? ", connections to the collector's ports alone" : "";
  }
  return cage.io.fault.empty() ? text : text + " (" + cage.io.fault + ")";
}

}  // namespace gnomon
