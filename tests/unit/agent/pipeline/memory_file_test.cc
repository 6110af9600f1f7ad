#include "agent/memory_file.h"

#include "tests/support/catch.h"
#include "tests/support/temp_directory.h"

namespace gnomon {
namespace {

Memory some_memory() {
  Memory memory;
  memory.evidence = {1, 2, 3, 4, 5};
  memory.ledger = {6, 7};
  memory.running = RunningReplay{ReplayId{7}, 42, 1'000'000'000'000};
  memory.done = {ReplayId{1}, ReplayId{2}};
  return memory;
}

TEST_CASE("Memory: what is encoded is what is decoded", "[agent][memory]") {
  const Memory whole = some_memory();
  CHECK(decode_memory(encode_memory(whole)) == whole);
  CHECK(decode_memory(encode_memory(Memory{})) == Memory{});
}

TEST_CASE("Memory: every prefix and every changed byte is noticed", "[agent][memory]") {
  const std::vector<std::uint8_t> bytes = encode_memory(some_memory());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(decode_memory(Bytes{bytes}.first(size)));
    std::vector<std::uint8_t> changed = bytes;
    changed[size] ^= 0x40;
    CHECK_FALSE(decode_memory(changed));
  }
}

TEST_CASE("Memory: a finished replay is remembered, the oldest forgotten first",
          "[agent][memory]") {
  Memory memory;
  for (std::size_t i = 0; i <= kMaxReplaysDone; ++i) {
    ReplayId id{};
    id[0] = static_cast<std::uint8_t>(i);
    id[1] = static_cast<std::uint8_t>(i >> 8U);
    memory.running = RunningReplay{id, 1, 1};
    memory.finish();
  }
  CHECK(memory.done.size() == kMaxReplaysDone);
  CHECK_FALSE(memory.has_done(ReplayId{}));
  CHECK(memory.has_done(ReplayId{1}));
  CHECK_FALSE(memory.running);
}

TEST_CASE("MemoryFile: without a file the memory is empty", "[agent][memory]") {
  const testing::TempDirectory folder;
  PosixFileSystem files;
  MemoryFile file{files, folder.file("memory")};
  const auto memory = file.load();
  REQUIRE(memory);
  CHECK(*memory == Memory{});
  REQUIRE(file.save(some_memory()));
  CHECK(*file.load() == some_memory());
}

TEST_CASE("MemoryFile: a damaged file is set aside, reported once, and not used",
          "[agent][memory]") {
  const testing::TempDirectory folder;
  PosixFileSystem files;
  MemoryFile file{files, folder.file("memory")};
  REQUIRE(replace_file(files, folder.file("memory"), "rubbish"));
  CHECK_FALSE(file.load());
  CHECK(*files.exists(folder.file("memory.damaged")));
  const auto after = file.load();
  REQUIRE(after);
  CHECK(*after == Memory{});
}

}  // namespace
}  // namespace gnomon
