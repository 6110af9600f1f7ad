// FakeUploadSink: keeps the rules of upload.h, in memory.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "collector/ingest/upload.h"
#include "core/file.h"
#include "core/wire/batch.h"

namespace gnomon::testing {

// FakeUploadSink commits at once, on the caller's thread. Safe from every thread.
class FakeUploadSink final : public UploadSink {
 public:
  void submit(Upload upload, std::function<void(CommitOutcome)> done) override {
    done(commit(upload));
  }

  Result<std::optional<Cursor>, IoError> cursor(const std::string& agent) const override {
    const std::lock_guard lock(mutex_);
    if (unreadable_) {
      return Failure{IoError{"read", "the store", std::make_error_code(std::errc::io_error)}};
    }
    const auto found = cursors_.find(agent);
    return found == cursors_.end() ? std::optional<Cursor>{} : std::optional(found->second);
  }

  // stored is every contact of an agent, in the order of its commits, by tool id.
  std::vector<std::string> stored(const std::string& agent) const {
    const std::lock_guard lock(mutex_);
    const auto found = tools_.find(agent);
    return found == tools_.end() ? std::vector<std::string>{} : found->second;
  }
  std::size_t stored_count() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }
  // offered is how often the batch of this sequence came, whatever became of it.
  std::size_t offered(std::uint64_t sequence) const {
    const std::lock_guard lock(mutex_);
    const auto found = offered_.find(sequence);
    return found == offered_.end() ? 0 : found->second;
  }
  std::size_t repeated_count() const {
    const std::lock_guard lock(mutex_);
    return repeated_;
  }

  // set_unavailable makes it answer like a full disk.
  void set_unavailable(bool unavailable) {
    const std::lock_guard lock(mutex_);
    unavailable_ = unavailable;
  }

  // set_unreadable makes it fail to read, like a failing disk.
  void set_unreadable(bool unreadable) {
    const std::lock_guard lock(mutex_);
    unreadable_ = unreadable;
  }

  // on_stored is called, outside the lock, after each stored batch with their number.
  std::function<void(std::size_t)> on_stored;

  // forget sets an agent's cursor back, as a restored backup would.
  void forget(const std::string& agent, std::uint64_t sequence) {
    const std::lock_guard lock(mutex_);
    cursors_[agent].sequence = sequence;
    tools_[agent].resize(sequence);
  }

 private:
  CommitOutcome commit(const Upload& upload) {
    std::size_t count = 0;
    {
      const std::lock_guard lock(mutex_);
      ++offered_[upload.id.sequence];
      const CommitOutcome outcome = decide(upload);
      if (outcome == CommitOutcome::repeated) {
        ++repeated_;
      }
      if (outcome != CommitOutcome::stored && outcome != CommitOutcome::refused) {
        return outcome;
      }
      cursors_[upload.id.agent] = Cursor{upload.id.epoch, upload.id.sequence};
      if (outcome == CommitOutcome::refused) {
        return outcome;
      }
      const auto batch = wire::decode_batch(bytes_of(upload.encoded));
      for (const Contact& contact : batch->contacts) {
        tools_[upload.id.agent].push_back(contact.tool);
      }
      count = ++count_;
    }
    if (on_stored) {
      on_stored(count);
    }
    return CommitOutcome::stored;
  }

  CommitOutcome decide(const Upload& upload) const {
    if (unavailable_) {
      return CommitOutcome::unavailable;
    }
    const auto found = cursors_.find(upload.id.agent);
    const Cursor cursor = found == cursors_.end() ? Cursor{} : found->second;
    if (upload.id.epoch < cursor.epoch ||
        (upload.id.epoch == cursor.epoch && upload.id.sequence <= cursor.sequence)) {
      return CommitOutcome::repeated;
    }
    const std::uint64_t expected = upload.id.epoch == cursor.epoch ? cursor.sequence + 1 : 1;
    if (upload.first_sequence != expected) {
      return CommitOutcome::out_of_order;
    }
    return wire::decode_batch(bytes_of(upload.encoded)) ? CommitOutcome::stored
                                                        : CommitOutcome::refused;
  }

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, Cursor> cursors_;
  std::map<std::string, std::vector<std::string>> tools_;
  std::map<std::uint64_t, std::size_t> offered_;
  std::size_t count_ = 0;
  std::size_t repeated_ = 0;
  bool unavailable_ = false;
  bool unreadable_ = false;
};

}  // namespace gnomon::testing
