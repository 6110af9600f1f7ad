// IoError says what the surroundings refused: disk, socket, library.

#pragma once

#include <string>
#include <system_error>

namespace gnomon {

// IoError carries what a caller needs to act and a person needs to understand.
struct IoError {
  std::string operation;  // what was tried, in a word or two: "open", "fsync", "connect"
  std::string path;       // file, address or device; never a name seen on the wire
  std::error_code code;

  // text gives one sentence: "open /var/lib/x: No such file or directory".
  std::string text() const { return operation + " " + path + ": " + code.message(); }
};

}  // namespace gnomon
