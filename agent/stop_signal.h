// StopSignal: the operator asks the program to end.

#pragma once

namespace gnomon {

// StopSignal notes SIGINT and SIGTERM. The first one asks politely, a second one ends the process
// at once. SIGPIPE is ignored: a lost peer is an error code.
class StopSignal {
 public:
  static void install();
  static bool asked();
};

}  // namespace gnomon
