// MemoryFile: what the agent remembers across restarts, in one file that is old or new, never torn.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/spool/record_cipher.h"
#include "core/byte_reader.h"
#include "core/file.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// ReplayId tells one replay from another: a SHA-256 over its captures and how they are played.
using ReplayId = std::array<std::uint8_t, 32>;

// RunningReplay is a replay that has begun and is not known to have ended.
//
// A replay gives the same batches whenever it is run with the same captures, the same rules and
// the same memory. So after a kill it is run again from its first packet, with the memory from
// before it, and leaves out the batches that the spool holds already.
struct RunningReplay {
  ReplayId id{};
  std::uint64_t epoch = 0;          // of the spool it writes to
  std::uint64_t base_sequence = 0;  // last sequence of the spool before it

  bool operator==(const RunningReplay&) const = default;
};

struct Memory {
  // What EvidenceRoom::save() gave; empty before the first. While a replay is running: from before.
  std::vector<std::uint8_t> evidence;
  std::vector<std::uint8_t> ledger;  // what UnknownLedger::encode() gave; likewise
  std::optional<RunningReplay> running;
  std::vector<ReplayId> done;  // replays that ended, oldest first

  // has_done says whether a replay ended before; finish notes that the running one did.
  bool has_done(const ReplayId& id) const;
  void finish();

  bool operator==(const Memory&) const = default;
};

// kMaxReplaysDone bounds the list: the oldest are forgotten and could then be played twice.
constexpr std::size_t kMaxReplaysDone = 4096;

// kMaxMemoryBytes is checked before the file is read: 4,096 tools with all their reasons, and 4,096
// domains outside the catalogue with four hosts each.
constexpr std::size_t kMaxMemoryBytes = std::size_t{32} << 20;

// encode and decode: the layout is in agent/FORMAT.md. decode yields nullopt for damaged bytes.
std::vector<std::uint8_t> encode_memory(const Memory& memory);
std::optional<Memory> decode_memory(Bytes bytes);

// kMemoryPurpose is what the file is sealed for (sealed_file.h).
constexpr std::string_view kMemoryPurpose = "memory";

// MemoryFile is not for two threads at once. `files` must outlive it.
class MemoryFile {
 public:
  MemoryFile(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}

  // seal_with gives the key: it holds which hosts were met, by whom and when. Without one the file
  // lies as it is. The cipher must outlive this.
  void seal_with(const RecordCipher* cipher) { cipher_ = cipher; }

  // load yields an empty memory when there is no file. A damaged file, and one that the key does
  // not open, is moved aside, to `<path>.damaged`, and fails with EBADMSG once: the next load
  // yields an empty memory.
  Result<Memory, IoError> load();

  // save returns once the memory would survive a power cut.
  Result<Ok, IoError> save(const Memory& memory);

 private:
  FileSystem& files_;
  std::string path_;
  const RecordCipher* cipher_ = nullptr;
};

}  // namespace gnomon
