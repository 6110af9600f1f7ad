#include "agent/spool/spool_fault.h"

#include <cerrno>

#include "core/file.h"

namespace gnomon {

std::string SpoolError::text() const {
  switch (fault) {
    case SpoolFault::io:
      return "the spool cannot be used: " + io.text();
    case SpoolFault::full:
      return "the spool is full and holds nothing that may be given up";
    case SpoolFault::invalid:
      return "the batch breaks a limit of the wire format";
    case SpoolFault::locked:
      return "another process uses the spool in " + parent_directory(io.path);
  }
  return "the spool cannot be used";
}

Failure<SpoolError> io_failure(const IoError& error) {
  const bool locked = error.operation == "lock" && error.code.value() == EWOULDBLOCK;
  return Failure{SpoolError{locked ? SpoolFault::locked : SpoolFault::io, error}};
}

}  // namespace gnomon
