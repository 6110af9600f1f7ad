// What a power cut takes from real files, and what the spool makes of the rest.

#include "tests/support/power_cut.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <string>

#include "agent/spool/spool.h"
#include "core/log.h"
#include "tests/support/batch_builder.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_directory.h"

using namespace gnomon;
using testing::cut_power;
using testing::CutReport;
using testing::ForgetfulFileSystem;
using testing::PowerCutNotes;

namespace {

// Desk is a folder that is watched, and what is needed to cut its power.
struct Desk {
  Desk() { REQUIRE(plain.make_directory(file("data"))); }

  std::string file(const std::string& name) const { return directory.file(name); }
  std::string text(const std::string& name) {
    const auto read = read_whole_file(plain, file(name), 1 << 20);
    return read ? *read : "absent";
  }
  CutReport cut(std::uint64_t seed) {
    std::mt19937_64 random{seed};
    const auto report = cut_power(file("notes"), file("links"), random);
    REQUIRE(report);
    return *report;
  }

  testing::TempDirectory directory;
  PosixFileSystem plain;
};

void write(FileSystem& files, const std::string& path, const std::string& text, bool sync) {
  auto file = files.open(path, OpenMode::create_new);
  REQUIRE(file);
  REQUIRE((*file)->append(bytes_of(text)));
  if (sync) {
    REQUIRE((*file)->sync());
  }
}

TEST_CASE("Power cut: what was synced under a synced name stays, whatever is drawn", "[crash]") {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    Desk desk;
    {
      PowerCutNotes notes{desk.file("notes"), desk.file("links")};
      ForgetfulFileSystem files{notes};
      write(files, desk.file("data/a"), "kept", true);
      REQUIRE(files.sync_directory(desk.file("data")));
      REQUIRE(replace_file(files, desk.file("data/b"), "old"));
      REQUIRE(replace_file(files, desk.file("data/b"), "new"));
    }
    CHECK(desk.cut(seed).bytes_forgotten == 0);
    CHECK(desk.text("data/a") == "kept");
    CHECK(desk.text("data/b") == "new");
  }
}

TEST_CASE("Power cut: any first part of what was not synced may be there, and nothing else",
          "[crash]") {
  bool saw_nothing = false;
  bool saw_some = false;
  bool saw_no_name = false;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Desk desk;
    {
      PowerCutNotes notes{desk.file("notes"), desk.file("links")};
      ForgetfulFileSystem files{notes};
      write(files, desk.file("data/a"), "12345", true);
      REQUIRE(files.sync_directory(desk.file("data")));
      auto file = files.open(desk.file("data/a"), OpenMode::append);
      REQUIRE(file);
      REQUIRE((*file)->append(bytes_of("6789")));
      write(files, desk.file("data/fresh"), "x", true);
    }
    desk.cut(seed);
    const std::string left = desk.text("data/a");
    REQUIRE(left.size() >= 5);
    CHECK(left.substr(0, 5) == "12345");
    CHECK(left.size() <= 9);
    saw_nothing = saw_nothing || left.size() == 5;
    saw_some = saw_some || left.size() > 5;
    saw_no_name = saw_no_name || desk.text("data/fresh") == "absent";
  }
  CHECK(saw_nothing);
  CHECK(saw_some);
  CHECK(saw_no_name);
}

TEST_CASE("Power cut: a rename that was not synced leaves the old or the new file", "[crash]") {
  bool saw_old = false;
  bool saw_new = false;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    Desk desk;
    {
      PowerCutNotes notes{desk.file("notes"), desk.file("links")};
      ForgetfulFileSystem files{notes};
      REQUIRE(replace_file(files, desk.file("data/b"), "old"));
      write(files, desk.file("data/b.new"), "new", true);
      REQUIRE(files.rename(desk.file("data/b.new"), desk.file("data/b")));
    }
    desk.cut(seed);
    const std::string left = desk.text("data/b");
    CHECK((left == "old" || left == "new"));
    saw_old = saw_old || left == "old";
    saw_new = saw_new || left == "new";
  }
  CHECK(saw_old);
  CHECK(saw_new);
}

// append_until_killed tells the sequence of every batch that the spool took.
[[noreturn]] void append_until_killed(const Desk& desk, int tell) {
  PowerCutNotes notes{desk.file("notes"), desk.file("links")};
  ForgetfulFileSystem files{notes};
  testing::ManualClock clock;
  Counters counters;
  SpoolOptions options;
  options.directory = desk.file("spool");
  options.segment_bytes = 2000;
  auto spool = Spool::open(files, clock, counters, options);
  for (std::uint64_t i = 0; spool; ++i) {
    const std::string tool = "tool-" + std::to_string((*spool)->last_sequence() + 1);
    const auto sequence = (*spool)->append(testing::batch_of(tool));
    if (sequence && ::write(tell, &*sequence, sizeof *sequence) != sizeof *sequence) {
      break;
    }
    if (i % 7 == 6) {
      (*spool)->acknowledge((*spool)->last_sequence());
    }
  }
  ::_exit(3);
}

// promised_until_killed runs it and kills it after `wanted` batches; yields the last one told.
std::uint64_t promised_until_killed(const Desk& desk, std::uint64_t wanted, std::uint64_t before) {
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(pipe[0]);
    append_until_killed(desk, pipe[1]);
  }
  ::close(pipe[1]);
  std::uint64_t promised = before;
  std::uint64_t sequence = 0;
  for (std::uint64_t i = 0; ::read(pipe[0], &sequence, sizeof sequence) == sizeof sequence; ++i) {
    promised = sequence;
    if (i == wanted) {
      ::kill(child, SIGKILL);
    }
  }
  ::close(pipe[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  return promised;
}

// check_held looks for every batch up to `promised`.
void check_held(Desk& desk, std::uint64_t promised) {
  testing::ManualClock clock;
  Counters counters;
  SpoolOptions options;
  options.directory = desk.file("spool");
  auto spool = Spool::open(desk.plain, clock, counters, options);
  REQUIRE(spool);
  CHECK((*spool)->last_sequence() >= promised);
  for (std::uint64_t at = (*spool)->first_sequence(); at <= promised; ++at) {
    const auto batch = (*spool)->next(at);
    REQUIRE(batch);
    REQUIRE(batch->has_value());
    CHECK((*batch)->sequence == at);
    const auto plain = wire::decompress(bytes_of((*batch)->payload), kMaxBatchBytes);
    REQUIRE(plain);
    const auto decoded = wire::decode_batch(bytes_of(*plain));
    REQUIRE(decoded);
    // What a torn tail of an earlier round cost was never promised, and is declared.
    if (!decoded->contacts.empty()) {
      CHECK(decoded->contacts.front().tool == "tool-" + std::to_string(at));
    } else {
      CHECK(decoded->gaps.size() == 1);
    }
  }
}

TEST_CASE("Power cut: the spool has every batch that append() took", "[agent][spool][crash]") {
  log::set_level(log::Level::error);
  std::mt19937_64 random{2026};  // NOLINT(cert-msc51-cpp): the same cuts every time
  Desk desk;
  std::uint64_t promised = 0;
  std::uint64_t taken = 0;
  for (int round = 0; round < 12; ++round) {
    promised = promised_until_killed(desk, 3 + random() % 40, promised);
    const CutReport report = desk.cut(random());
    taken += report.names_undone + report.files_cut;
    check_held(desk, promised);
  }
  CHECK(taken > 0);
}

}  // namespace
