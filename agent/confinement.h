// Confinement: what the agent's threads can reach once everything is open, by the kernel's word.
//
// docs/decisions/2026-11-25-one-process-two-cages.md says why there is one process and not three.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// confine_process puts a list of allowed system calls (seccomp) over the calling thread and those
// it starts later; every other call fails with EPERM. No new programs or processes, no tracing, no
// signals and no limits for other processes, no words typed into a terminal, no mounts, modules or
// key rings. Wants no_new_privs, which drop_privileges() sets. Fails where the kernel has no
// seccomp or a container does not let us use it; the agent then works on, and says so.
Result<Ok, IoError> confine_process();

// confine_capture takes more from the calling thread, which reads packets from strangers: no new
// sockets, no connections, and no file may be opened for writing, made, renamed or removed.
Result<Ok, IoError> confine_capture();

// Reach is what the I/O thread may still reach. Paths that do not exist are left out.
struct Reach {
  std::vector<std::string> writable;  // folders, with all that is in them
  std::vector<std::string> readable;  // files, and folders with all that is in them
  std::vector<std::uint16_t> ports;   // TCP ports it may connect to
};

// usual_reach is what every agent needs: name resolution, certificates of the system, its own
// figures in /proc. A process that root runs gets the single files of /etc: root may read them all.
Reach usual_reach();

// IoHold is what came of confine_io.
struct IoHold {
  int landlock = 0;   // its version; 0: files are guarded by their modes alone
  std::string fault;  // what else could not be had, in words; empty: nothing
};

// confine_io takes from the calling thread, which speaks to the network: packet sockets, and every
// file (Landlock) and TCP port (Landlock 4, Linux 6.7) beyond `reach`. What the kernel does not
// offer is left out, the rest is done.
IoHold confine_io(const Reach& reach);

// landlock_version asks the kernel; 0: none.
int landlock_version();

// Cage is what holds the agent.
struct Cage {
  bool keeps_rights = false;  // those that name programs, in the capture thread
  std::string calls_fault;    // why the system calls are not held to a list; empty: they are
  IoHold io;
};

// confinement_words is one line for `status`: what holds the agent, and what this kernel could not
// be asked for.
std::string confinement_words(const Cage& cage);

}  // namespace gnomon
