// PushTrial: what the collector sent is on trial until the agent has run a while with it.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/file.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// PushTrial guards one file that the collector may replace (the rule pack, the policy). Before the
// new one takes its place the old one is set aside; when the agent then dies again and again before
// it has run long enough, the old one is put back and the new version is not taken again. A newer
// version is.
//
// Beside the guarded file lie `.before` (the old one), `.trial` (which version, how many starts)
// and `.refused` (the version that was given up). One thread; the file system must outlive it.
class PushTrial {
 public:
  // So many starts in a row may die with a new file. A laptop that is switched off ends cleanly,
  // and does not count.
  static constexpr std::uint32_t kMaxStarts = 3;

  PushTrial(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}

  // begin sets the present file aside. Call it before version `version` takes its place.
  Result<Ok, IoError> begin(std::uint32_t version);

  // started counts a start of the program. When there were too many it puts the old file back and
  // yields the version that was given up. Call it before the file is read.
  Result<std::optional<std::uint32_t>, IoError> started();

  // ended_well says that the program was asked to end, and did: that start does not count.
  void ended_well();

  // proven ends the trial: the program has run long enough.
  void proven();

  bool on_trial() const;

  // refused is the version that was given up; 0 when there is none.
  std::uint32_t refused() const;

 private:
  std::string before() const { return path_ + ".before"; }
  std::string trial() const { return path_ + ".trial"; }
  Result<Ok, IoError> put_back(std::uint32_t version);

  FileSystem& files_;
  std::string path_;
};

}  // namespace gnomon
