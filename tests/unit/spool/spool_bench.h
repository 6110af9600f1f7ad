// A spool whose disk, clock and key a test has in its hands.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include "agent/spool/record_cipher.h"
#include "agent/spool/spool.h"
#include "core/counters.h"
#include "core/wire/batch.h"
#include "tests/support/batch_builder.h"
#include "tests/support/catch.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/manual_clock.h"

namespace gnomon::testing {

// SpoolBench is a spool on a file system that tells what was synced.
struct SpoolBench {
  FakeFileSystem files;
  ManualClock clock;
  Counters counters;
  SpoolOptions options;
  std::unique_ptr<Spool> spool;
  std::mt19937 random{7};

  SpoolBench() { options.directory = "/spool"; }

  void open() {
    spool.reset();
    auto opened = Spool::open(files, clock, counters, options);
    REQUIRE(opened);
    spool = *std::move(opened);
  }
  std::uint64_t append(const std::string& tool) {
    const auto sequence = spool->append(batch_of(tool));
    REQUIRE(sequence);
    return *sequence;
  }
  SpooledBatch next(std::uint64_t from) {
    auto batch = spool->next(from);
    REQUIRE(batch);
    REQUIRE(*batch);
    return **std::move(batch);
  }
  static Batch decoded(const SpooledBatch& batch) {
    const auto plain = wire::decompress(bytes_of(batch.payload), kMaxBatchBytes);
    REQUIRE(plain);
    auto decoded = wire::decode_batch(bytes_of(*plain));
    REQUIRE(decoded);
    return *std::move(decoded);
  }
  // The tool of a batch of one, or the reason of its first gap.
  std::string tool_at(std::uint64_t from) {
    const Batch batch = decoded(next(from));
    return batch.contacts.empty() ? batch.gaps.at(0).reason : batch.contacts[0].tool;
  }
  std::string newest_segment() const {
    std::string newest;
    for (const std::string& path : files.paths()) {
      newest = path.ends_with(".seg") ? path : newest;
    }
    return newest;
  }
};

// PlainCipher is a cipher that a test can see through: adds its key and the context to the text.
class PlainCipher final : public RecordCipher {
 public:
  explicit PlainCipher(std::string key) : key_(std::move(key)) {}
  std::string seal(std::string_view plain, std::string_view context) const override {
    return key_ + std::string{context} + std::string{plain};
  }
  std::optional<std::string> open(Bytes sealed, std::string_view context) const override {
    const std::string front = key_ + std::string{context};
    const std::string_view text = text_of(sealed);
    if (!text.starts_with(front)) {
      return std::nullopt;
    }
    return std::string{text.substr(front.size())};
  }

 private:
  std::string key_;
};

}  // namespace gnomon::testing
