// What is left of a store when the power goes, and that the cut takes anything at all.

#include <rocksdb/db.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <random>

#include "collector/store/store.h"
#include "core/log.h"
#include "tests/support/catch.h"
#include "tests/support/forgetful_rocksdb.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_directory.h"
#include "tests/support/uploads.h"

using namespace gnomon;
using testing::at;

namespace {

constexpr int kRounds = 6;
constexpr std::uint64_t kAgents = 3;

struct Acked {
  std::uint64_t agent = 0;
  std::uint64_t sequence = 0;
};

StoreOptions options_in(const std::string& directory) {
  StoreOptions options;
  options.directory = directory;
  options.calendar = Calendar::utc();
  options.zone = "UTC";
  options.reserve_bytes = 0;
  options.gather = std::chrono::milliseconds{1};
  return options;
}

std::string agent_name(std::uint64_t agent) {
  return "d" + std::to_string(agent);
}

// run_until_killed kills a process that runs `work` once it has told `wanted` things, and cuts the
// power of what it wrote. `told` sees each of them.
testing::CutReport run_until_killed(const testing::TempDirectory& directory, std::uint64_t wanted,
                                    std::mt19937_64& random,
                                    const std::function<void(rocksdb::Env*, int)>& work,
                                    const std::function<void(const Acked&)>& told) {
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(pipe[0]);
    testing::PowerCutNotes notes{directory.file("notes"), directory.file("links")};
    const auto env = testing::forgetful_env(notes);
    work(env.get(), pipe[1]);
    ::_exit(3);
  }
  ::close(pipe[1]);
  Acked one;
  for (std::uint64_t i = 1; ::read(pipe[0], &one, sizeof one) == sizeof one; ++i) {
    told(one);
    if (i == wanted) {
      ::kill(child, SIGKILL);
    }
  }
  ::close(pipe[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));
  const auto report = testing::cut_power(directory.file("notes"), directory.file("links"), random);
  REQUIRE(report);
  return *report;
}

// commit_for_ever goes on from the cursors and tells what was stored.
void commit_for_ever(const std::string& path, rocksdb::Env* env, int tell) {
  testing::ManualClock clock;
  Counters counters;
  StoreOptions options = options_in(path);
  options.env = env;
  auto store = Store::open(options, clock, counters);
  if (!store) {
    ::_exit(4);
  }
  std::map<std::uint64_t, std::uint64_t> next;
  for (std::uint64_t agent = 0; agent < kAgents; ++agent) {
    const auto cursor = (*store)->cursor(agent_name(agent));
    next[agent] = cursor && cursor->has_value() ? (*cursor)->sequence : 1;
  }
  for (std::uint64_t turn = 0;; ++turn) {
    const std::uint64_t agent = turn % kAgents;
    const std::uint64_t sequence = next[agent]++;
    const Batch batch =
        testing::batch_of({testing::contact("trello", Role::app, Stage::visited,
                                            at(16 + static_cast<int>(sequence % 5)))},
                          at(21));
    (*store)->submit(testing::upload(agent_name(agent), 1, sequence, batch, at(21, 12)),
                     [=](CommitOutcome outcome) {
                       const Acked acked{agent, sequence};
                       if (outcome == CommitOutcome::stored &&
                           ::write(tell, &acked, sizeof acked) != sizeof acked) {
                         ::_exit(5);
                       }
                     });
    if (turn % 16 == 15) {
      ::usleep(1000);
    }
  }
}

std::map<std::string, std::uint64_t> counted_contacts(const Store& store) {
  std::map<std::string, std::uint64_t> counted;
  REQUIRE(store.snapshot()->days(Day{0}, Day{100000},
                                 [&](Day, auto, std::string_view device, const DayTotal& total) {
                                   counted[std::string{device}] += total.contacts;
                                   return true;
                                 }));
  return counted;
}

}  // namespace

TEST_CASE("Store: after power cuts everything acknowledged is there, and nothing is there twice",
          "[collector][store][crash]") {
  log::set_level(log::Level::error);
  const testing::TempDirectory directory;
  const std::string path = directory.file("store");
  std::mt19937_64 random{2026};  // NOLINT(cert-msc51-cpp): the same cuts every time
  std::map<std::uint64_t, std::uint64_t> acked;
  for (int round = 0; round < kRounds; ++round) {
    run_until_killed(
        directory, 5 + random() % 200, random,
        [&](rocksdb::Env* env, int tell) { commit_for_ever(path, env, tell); },
        [&](const Acked& one) { acked[one.agent] = std::max(acked[one.agent], one.sequence); });

    testing::ManualClock clock;
    Counters counters;
    auto store = Store::open(options_in(path), clock, counters);
    REQUIRE(store);
    std::map<std::string, std::uint64_t> batches;
    REQUIRE((*store)->visit_batches([&](const Upload& upload, bool refused) {
      CHECK_FALSE(refused);
      CHECK(upload.id.sequence == ++batches[upload.id.agent]);  // no hole
      return true;
    }));
    for (const auto& [agent, sequence] : acked) {
      CHECK(batches[agent_name(agent)] >= sequence);
      CHECK((**(*store)->cursor(agent_name(agent))).sequence == batches[agent_name(agent)]);
    }
    CHECK(counted_contacts(**store) == batches);  // one contact a batch
  }
}

TEST_CASE("Power cut: what RocksDB was not told to sync is forgotten", "[collector][crash]") {
  constexpr std::uint64_t kKeys = 500;
  const testing::TempDirectory directory;
  const std::string path = directory.file("store");
  std::mt19937_64 random{5};  // NOLINT(cert-msc51-cpp): the same cut every time
  const auto work = [&](rocksdb::Env* env, int tell) {
    rocksdb::Options options;
    options.create_if_missing = true;
    options.env = env;
    rocksdb::DB* db = nullptr;
    if (!rocksdb::DB::Open(options, path, &db).ok()) {
      return;
    }
    for (std::uint64_t i = 0; i < kKeys; ++i) {
      static_cast<void>(db->Put({}, std::to_string(i), "value"));
    }
    const Acked done{0, kKeys};
    static_cast<void>(::write(tell, &done, sizeof done) == sizeof done);
    ::pause();
  };
  const auto report = run_until_killed(directory, 1, random, work, [](const Acked&) {});
  CHECK(report.bytes_forgotten > 0);

  rocksdb::DB* db = nullptr;
  REQUIRE(rocksdb::DB::Open({}, path, &db).ok());
  const std::unique_ptr<rocksdb::DB> owned{db};
  std::uint64_t there = 0;
  const std::unique_ptr<rocksdb::Iterator> cursor{db->NewIterator({})};
  for (cursor->SeekToFirst(); cursor->Valid(); cursor->Next()) {
    ++there;
  }
  CHECK(there < kKeys);
}
