// Upload: what the ingest room yields, one batch of one agent, and where it goes.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// BatchId is the identity of a batch: stored effectively once, however often it is sent.
struct BatchId {
  std::string agent;           // UUID from the client certificate, never from the message
  std::uint64_t epoch = 0;     // one per spool: a wiped spool starts another, greater one
  std::uint64_t sequence = 0;  // from 1, without holes within an epoch
};

// Upload is owned.
//
// An upload stands for the sequences `first_sequence` to `id.sequence`. The two are equal, except
// when the agent's spool no longer holds a run of batches: then one upload, whose batch is the gap
// record, stands for the run. What a sink does with it, given the agent's cursor {E, S}:
//   same epoch, sequence <= S                        repeated
//   same epoch, first_sequence == S + 1              stored (or refused); the cursor moves to it
//   same epoch, first_sequence <= S < sequence       out_of_order
//   same epoch, first_sequence > S + 1               out_of_order
//   greater epoch, or no cursor yet, first == 1      stored (or refused); the cursor moves to it
//   greater epoch, or no cursor yet, first > 1       out_of_order
//   smaller epoch                                    repeated
struct Upload {
  BatchId id;
  std::uint64_t first_sequence = 0;
  WallTime received;
  std::string encoded;  // serialized gnomon.v1.Batch, uncompressed, size already bounded
};

// Cursor is the last batch of an agent that is stored.
struct Cursor {
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
};

enum class CommitOutcome : std::uint8_t {
  stored,        // on disk with its rollups and the cursor
  repeated,      // was stored before; acknowledge, count nothing
  out_of_order,  // leaves a hole after the cursor; the agent starts again from the cursor
  refused,       // cannot be decoded or breaks a limit; counted, and the cursor moves over it: the
                 // agent must not resend it
  unavailable,   // disk full or failing; not acknowledged, try again later
};

// UploadSink is the ingest room's door to admit and store. Safe from every thread.
class UploadSink {
 public:
  UploadSink() = default;
  UploadSink(const UploadSink&) = delete;
  UploadSink& operator=(const UploadSink&) = delete;
  virtual ~UploadSink() = default;

  // submit queues the upload and returns at once. `done` is called exactly once, on a thread of
  // the sink, after the outcome is durable. Uploads of one agent are committed in order.
  virtual void submit(Upload upload, std::function<void(CommitOutcome)> done) = 0;

  // cursor reads what is stored of an agent; nullopt when nothing is. Blocks on the disk.
  virtual Result<std::optional<Cursor>, IoError> cursor(const std::string& agent) const = 0;
};

}  // namespace gnomon
