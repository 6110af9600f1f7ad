// UnknownsDesk: the I/O thread's part in domains outside the catalogue, with its file.

#pragma once

#include <functional>
#include <string>
#include <vector>

#include "agent/config.h"
#include "agent/match/unknown_ledger.h"
#include "agent/spool/record_cipher.h"
#include "agent/unknown_reports.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/wire/messages.h"

namespace gnomon {

// UnknownsDesk keeps what was reported and told, on disk before it is acted on, and answers the
// collector. `files`, `clock` and `cipher` must outlive it. One thread.
class UnknownsDesk {
 public:
  // `cipher` seals the file, for it holds names of domains; null: it lies as it is.
  UnknownsDesk(FileSystem& files, const Clock& clock, const Config& config,
               const RecordCipher* cipher);

  // take_ledger takes the ledger as the capture thread last wrote it.
  void take_ledger(const std::vector<std::uint8_t>& bytes);

  // set_allowed says whether tokens may leave, by what is in force on this machine.
  void set_allowed(bool allowed) { reports_.set_allowed(allowed); }

  void take_policy(const wire::UnknownsPolicy& policy);
  bool heard() const { return heard_; }  // the collector has told its policy since the start

  // report hands what may leave now to `spool`, batch by batch, until that yields false. A kill
  // between storing and noting a batch sends its tokens again; no count is raised by that.
  void report(const std::function<bool(std::vector<TokenReport>)>& spool);

  // reveal tells nothing that could not be written down first: the person here is to see it.
  wire::RevealReply reveal(const wire::RevealRequest& request);

 private:
  bool save();

  FileSystem& files_;
  const Clock& clock_;
  const RecordCipher* cipher_;
  std::string path_;
  UnknownReports reports_;
  UnknownLedger ledger_;
  bool heard_ = false;
};

// unknowns_secret reads the key for tokens that enrolment left in the data folder, or that was
// installed there: 64 hexadecimal digits. Empty when there is none, or it is nothing of the kind.
std::string unknowns_secret(FileSystem& files, const std::string& path);

// read_unknown_reports reads the desk's file for `status` and `explain`; as new when there is none.
UnknownReports read_unknown_reports(FileSystem& files, const Config& config,
                                    const RecordCipher* cipher);

}  // namespace gnomon
