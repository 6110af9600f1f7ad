// SpoolError: why a spool could not do what it was asked.

#pragma once

#include <cstdint>
#include <string>

#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

enum class SpoolFault : std::uint8_t {
  io,       // disk or file system; `io` says what
  full,     // no room, and nothing left that may be shed: keep the contacts and try again later
  invalid,  // the batch breaks a limit of the wire
  locked,   // another process has this spool open
};

struct SpoolError {
  SpoolFault fault = SpoolFault::io;
  IoError io;

  // text gives one sentence for a person.
  std::string text() const;
};

// io_failure is an error of the file system as one of the spool.
Failure<SpoolError> io_failure(const IoError& error);

}  // namespace gnomon
