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
  std::uint64_t epoch = 0;     // one per spool: a wiped spool starts another one
  std::uint64_t sequence = 0;  // from 1, without holes within an epoch
};

// Upload is owned.
struct Upload {
  BatchId id;
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
  refused,       // cannot be decoded or breaks a limit; counted; the agent must not resend it
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
