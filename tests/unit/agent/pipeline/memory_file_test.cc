#include "agent/memory_file.h"

#include <string>
#include <system_error>

#include "agent/sealed_file.h"
#include "agent/spool_key.h"
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

TEST_CASE("MemoryFile: with a key nothing of it lies in clear, and another key sets it aside",
          "[agent][memory]") {
  const testing::TempDirectory folder;
  PosixFileSystem files;
  const std::string path = folder.file("memory");
  Memory memory;
  const std::string host = "somebody-reads.example";
  memory.ledger.assign(host.begin(), host.end());
  // What an agent of before left in clear is read, and sealed with the next save.
  REQUIRE(MemoryFile(files, path).save(memory));
  CHECK(read_whole_file(files, path, 1000)->find(host) != std::string::npos);
  const auto key =
      open_spool_keys(files, DataFolder{folder.path()}, KeyPlaces{"", "/none"}, MissingKey::make);
  REQUIRE(key);
  MemoryFile file{files, path};
  file.seal_with(key->cipher.get());
  CHECK(*file.load() == memory);
  REQUIRE(file.save(memory));
  CHECK(read_whole_file(files, path, 1000)->find(host) == std::string::npos);
  CHECK(*file.load() == memory);
  // Sealed for one file, it opens as no other; and nobody opens it without the key.
  CHECK_FALSE(read_sealed_file(files, path, 1000, key->cipher.get(), "unknowns"));
  CHECK_FALSE(read_sealed_file(files, path, 1000, nullptr, kMemoryPurpose));
  CHECK(read_sealed_file(files, path, 10, key->cipher.get(), kMemoryPurpose).error().code ==
        std::errc::file_too_large);
  MemoryFile elsewhere{files, path};
  CHECK(elsewhere.load().error().code == std::errc::bad_message);
  CHECK(*files.exists(path + ".damaged"));
  CHECK(*elsewhere.load() == Memory{});
}

}  // namespace
}  // namespace gnomon
