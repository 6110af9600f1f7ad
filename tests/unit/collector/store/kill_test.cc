// What is left of a store whose process was killed at any moment.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <future>
#include <map>
#include <random>

#include "collector/store/store.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_directory.h"
#include "tests/support/uploads.h"

using namespace gnomon;
using testing::at;

namespace {

constexpr int kRounds = 6;
constexpr std::uint64_t kAgents = 3;

StoreOptions options_in(const std::string& directory) {
  StoreOptions options;
  options.directory = directory;
  options.calendar = Calendar::utc();
  options.zone = "UTC";
  options.reserve_bytes = 0;
  options.gather = std::chrono::milliseconds{1};
  return options;
}

Upload numbered(std::uint64_t agent, std::uint64_t sequence) {
  Batch batch =
      testing::batch_of({testing::contact(sequence % 2 == 0 ? "trello" : "asana", Role::app,
                                          Stage::visited, at(16 + static_cast<int>(sequence % 5)))},
                        at(21));
  return testing::upload("d" + std::to_string(agent), 1, sequence, batch, at(21, 12));
}

// Acked is what the dying process tells: agent and sequence, only after `done(stored)`.
struct Acked {
  std::uint64_t agent = 0;
  std::uint64_t sequence = 0;
};

// commit_until_killed goes on from the cursors, and repeats the last stored batch each time.
[[noreturn]] void commit_until_killed(const std::string& directory, int tell) {
  testing::ManualClock clock;
  Counters counters;
  auto store = Store::open(options_in(directory), clock, counters);
  if (!store) {
    ::_exit(3);
  }
  std::map<std::uint64_t, std::uint64_t> next;
  for (std::uint64_t agent = 0; agent < kAgents; ++agent) {
    const auto cursor = (*store)->cursor("d" + std::to_string(agent));
    next[agent] = cursor && cursor->has_value() ? (*cursor)->sequence : 1;
  }
  for (std::uint64_t turn = 0;; ++turn) {
    const std::uint64_t agent = turn % kAgents;
    const std::uint64_t sequence = next[agent]++;
    (*store)->submit(numbered(agent, sequence), [=](CommitOutcome outcome) {
      if (outcome == CommitOutcome::stored) {
        const Acked acked{agent, sequence};
        static_cast<void>(::write(tell, &acked, sizeof acked));
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

TEST_CASE("Store: after kills everything acknowledged is there, and nothing is there twice",
          "[collector][store][crash]") {
  const testing::TempDirectory directory;
  const std::string path = directory.file("store");
  std::mt19937 random{2026};  // NOLINT(cert-msc51-cpp): the same kills every time
  std::map<std::uint64_t, std::uint64_t> acked;
  for (int round = 0; round < kRounds; ++round) {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::close(pipe[0]);
      commit_until_killed(path, pipe[1]);
    }
    ::close(pipe[1]);
    // Killed after a random number of acknowledgements, in the middle of whatever it does then.
    const unsigned wanted = 5 + static_cast<unsigned>(random() % 200);
    Acked one;
    for (unsigned i = 0; ::read(pipe[0], &one, sizeof one) == sizeof one; ++i) {
      acked[one.agent] = std::max(acked[one.agent], one.sequence);
      if (i == wanted) {
        ::kill(child, SIGKILL);
      }
    }
    ::close(pipe[0]);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));

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
      const std::string name = "d" + std::to_string(agent);
      CHECK(batches[name] >= sequence);
      CHECK((**(*store)->cursor(name)).sequence == batches[name]);
    }
    const auto counted = counted_contacts(**store);
    CHECK(counted == batches);  // one contact a batch
    REQUIRE((*store)->rebuild());
    CHECK(counted_contacts(**store) == counted);
  }
}
