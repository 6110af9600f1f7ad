#include "agent/spool/spool.h"

#include <random>
#include <set>
#include <string>

#include "tests/support/batch_builder.h"
#include "tests/support/catch.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_directory.h"

namespace gnomon {
namespace {

using testing::batch_of;
using testing::contact_with;
using testing::FakeFileSystem;
using testing::ManualClock;
using testing::TempDirectory;
using testing::test_time;

struct World {
  FakeFileSystem files;
  ManualClock clock;
  Counters counters;
  SpoolOptions options;
  std::unique_ptr<Spool> spool;
  std::mt19937 random{7};

  World() { options.directory = "/spool"; }

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

TEST_CASE("Spool: batches come out in the order they went in, also after a restart",
          "[agent][spool]") {
  World world;
  world.open();
  CHECK(world.append("a") == 1);
  CHECK(world.append("b") == 2);
  CHECK(world.tool_at(1) == "a");
  CHECK(world.tool_at(2) == "b");
  CHECK_FALSE(*world.spool->next(3));
  const auto epoch = world.spool->epoch();
  world.open();
  CHECK(world.spool->epoch() == epoch);
  CHECK(world.append("c") == 3);
  CHECK(world.tool_at(2) == "b");
  CHECK(world.tool_at(3) == "c");
}

TEST_CASE("Spool: a power cut right after append keeps the batch", "[agent][spool]") {
  World world;
  world.open();
  for (int i = 0; i < 20; ++i) {
    const std::string tool = "tool-" + std::to_string(i);
    const auto sequence = world.append(tool);
    world.files.power_cut(world.random);
    world.open();
    CHECK(world.tool_at(sequence) == tool);
  }
}

TEST_CASE("Spool: a power cut at every step of an append leaves all acknowledged batches",
          "[agent][spool][crash]") {
  for (std::uint64_t step = 0; step < 40; ++step) {
    for (unsigned seed = 0; seed < 4; ++seed) {
      CAPTURE(step, seed);
      World world;
      world.random.seed(seed);
      world.options.segment_bytes = 400;
      world.open();
      std::set<std::string> kept;
      world.files.fail_after(step);
      for (int i = 0; i < 8; ++i) {
        const std::string tool = "tool-" + std::to_string(i);
        if (world.spool->append(batch_of(tool))) {
          kept.insert(tool);
        }
      }
      world.files.power_cut(world.random);
      world.open();
      std::set<std::string> found;
      for (std::uint64_t at = 1; at <= world.spool->last_sequence();) {
        const SpooledBatch batch = world.next(at);
        for (const Contact& contact : World::decoded(batch).contacts) {
          CHECK(found.insert(contact.tool).second);
        }
        at = batch.sequence + 1;
      }
      for (const std::string& tool : kept) {
        CHECK(found.contains(tool));
      }
    }
  }
}

TEST_CASE("Spool: a damaged record costs that record and is declared", "[agent][spool]") {
  World world;
  world.open();
  world.append("a");
  world.append("b");
  world.append("c");
  std::string* segment = world.files.contents(world.newest_segment());
  const auto scan = scan_segment(bytes_of(*segment), 1);
  SECTION("in its payload") {
    (*segment)[scan.records[1].offset + 3] ^= 1;
    world.open();
    const SpooledBatch gap = world.next(2);
    CHECK(gap.first_sequence == 2);
    CHECK(gap.sequence == 2);
    const Batch batch = World::decoded(gap);
    REQUIRE(batch.gaps.size() == 1);
    CHECK(batch.gaps[0].reason == "record-damaged");
    CHECK(batch.gaps[0].contacts == 1);
    CHECK(batch.gaps[0].from_sequence == 2);
  }
  SECTION("in its header") {
    (*segment)[scan.records[1].offset - 10] ^= 1;
    world.open();
    CHECK(world.tool_at(2) == "record-damaged");
  }
  SECTION("while the spool is open") {
    CHECK(world.tool_at(2) == "b");
    (*segment)[scan.records[1].offset + 3] ^= 1;
    CHECK(world.tool_at(2) == "record-damaged");
  }
  CHECK(world.tool_at(1) == "a");
  CHECK(world.tool_at(3) == "c");
  CHECK(world.append("d") == 4);
}

TEST_CASE("Spool: sequences lost at the tail are never used again", "[agent][spool]") {
  World world;
  world.open();
  world.append("a");
  world.append("b");
  std::string* segment = world.files.contents(world.newest_segment());
  const auto scan = scan_segment(bytes_of(*segment), 1);
  (*segment)[scan.records[1].offset - 10] ^= 1;
  world.open();
  CHECK(world.append("c") == 3);
  CHECK(world.tool_at(2) == "record-damaged");
  world.open();
  CHECK(world.tool_at(2) == "record-damaged");
  CHECK(world.tool_at(3) == "c");
}

TEST_CASE("Spool: a second one on the same directory fails to open", "[agent][spool]") {
  TempDirectory directory;
  PosixFileSystem files;
  ManualClock clock;
  Counters counters;
  SpoolOptions options;
  options.directory = directory.file("spool");
  const auto first = Spool::open(files, clock, counters, options);
  REQUIRE(first);
  const auto second = Spool::open(files, clock, counters, options);
  REQUIRE_FALSE(second);
  CHECK(second.error().fault == SpoolFault::locked);
  CHECK(second.error().text() == "another process uses the spool in " + options.directory);
}

TEST_CASE("Spool: works on the machine's own file system", "[agent][spool]") {
  TempDirectory directory;
  PosixFileSystem files;
  ManualClock clock;
  Counters counters;
  SpoolOptions options;
  options.directory = directory.file("deep/spool");
  options.segment_bytes = 500;
  for (int round = 0; round < 3; ++round) {
    auto spool = Spool::open(files, clock, counters, options);
    REQUIRE(spool);
    for (int i = 0; i < 5; ++i) {
      REQUIRE((*spool)->append(batch_of("tool")));
    }
    CHECK((*spool)->last_sequence() == static_cast<std::uint64_t>(5 * (round + 1)));
    (*spool)->acknowledge(3);
  }
}

TEST_CASE("Spool: acknowledged batches stay for the retention, then go", "[agent][spool]") {
  World world;
  world.options.segment_bytes = 300;
  world.open();
  for (int i = 0; i < 10; ++i) {
    CHECK(world.spool->append(batch_of("tool-" + std::to_string(i))));
    world.clock.advance(std::chrono::hours{1});
  }
  world.spool->acknowledge(10);
  REQUIRE(world.spool->maintain());
  CHECK(world.spool->first_sequence() == 1);
  CHECK(world.tool_at(1) == "tool-0");
  world.clock.advance(world.options.retention + std::chrono::hours{24});
  REQUIRE(world.spool->maintain());
  CHECK(world.spool->first_sequence() > 5);
  CHECK(world.tool_at(1) == "retention-passed");
  CHECK(world.next(1).sequence == world.spool->first_sequence() - 1);
  world.open();
  CHECK(world.spool->acknowledged() == 10);
  CHECK(world.append("next") == 11);
}

TEST_CASE("Spool: a full one gives up acknowledged segments first, then by worth",
          "[agent][spool]") {
  World world;
  world.options.max_bytes = 20'000;
  world.options.segment_bytes = 2'000;
  world.open();
  std::mt19937 random{3};
  const auto noisy = [&](const std::string& tool, Role role, Stage stage) {
    Batch batch;
    batch.contacts.push_back(contact_with(tool, role, stage));
    batch.contacts[0].user = "u-" + std::to_string(random());
    batch.contacts[0].user = "u";
    for (int i = 0; i < 4; ++i) {
      batch.contacts[0].evidence.push_back(
          {test_time(), "random " + std::to_string(random()) + std::to_string(random()), "", role});
    }
    batch.sealed = test_time();
    return batch;
  };
  REQUIRE(world.spool->append(noisy("first-sight", Role::app, Stage::visited)));
  std::uint64_t appended = 1;
  for (int i = 0; i < 800; ++i) {
    const bool embed = i % 2 == 0;
    const auto stored = world.spool->append(
        noisy(embed ? "hotjar" : "trello", embed ? Role::embed : Role::app, Stage::visited));
    REQUIRE(stored);
    ++appended;
    REQUIRE(world.spool->bytes() <= world.options.max_bytes);
  }
  // Everything appended is there, or declared.
  std::uint64_t contacts = 0;
  std::uint64_t declared = 0;
  std::set<std::string> tools;
  for (std::uint64_t at = 1; at <= world.spool->last_sequence();) {
    const SpooledBatch spooled = world.next(at);
    const Batch batch = World::decoded(spooled);
    CHECK(spooled.first_sequence == at);
    contacts += batch.contacts.size();
    for (const Contact& contact : batch.contacts) {
      tools.insert(contact.tool);
    }
    for (const Gap& gap : batch.gaps) {
      declared += gap.contacts;
      CHECK(gap.reason == "spool-full");
    }
    at = spooled.sequence + 1;
  }
  CHECK(contacts + declared == appended);
  CHECK(contacts > 50);
  CHECK(tools == std::set<std::string>{"first-sight", "hotjar", "trello"});
  CHECK(world.counters.value("spool_shed_contacts_total") == static_cast<std::int64_t>(declared));
}

TEST_CASE("Spool: first sights are never given up: then append says full", "[agent][spool]") {
  World world;
  world.options.max_bytes = 6'000;
  world.options.segment_bytes = 1'000;
  world.open();
  std::uint64_t stored = 0;
  for (int i = 0; i < 100; ++i) {
    const auto sequence = world.spool->append(batch_of("tool-" + std::to_string(i)));
    if (!sequence) {
      CHECK(sequence.error().fault == SpoolFault::full);
      break;
    }
    ++stored;
  }
  CHECK(stored > 10);
  CHECK(stored < 100);
  for (std::uint64_t at = 1; at <= stored; ++at) {
    CHECK(world.tool_at(at) == "tool-" + std::to_string(at - 1));
  }
  world.spool->acknowledge(stored);
  CHECK(world.spool->append(batch_of("again")));
}

TEST_CASE("Spool: batches too old are reduced to first sights", "[agent][spool]") {
  World world;
  world.options.segment_bytes = 600;
  world.open();
  for (int i = 0; i < 12; ++i) {
    REQUIRE(world.spool->append(batch_of("trello")));
  }
  world.clock.advance(world.options.max_age + std::chrono::hours{2});
  REQUIRE(world.spool->maintain());
  std::uint64_t contacts = 0;
  std::uint64_t declared = 0;
  for (std::uint64_t at = 1; at <= 12;) {
    const SpooledBatch spooled = world.next(at);
    const Batch batch = World::decoded(spooled);
    contacts += batch.contacts.size();
    for (const Gap& gap : batch.gaps) {
      CHECK(gap.reason == "spool-expired");
      declared += gap.contacts;
    }
    at = spooled.sequence + 1;
  }
  CHECK(contacts == 1);
  CHECK(declared == 11);
}

TEST_CASE("Spool: a full disk fails the append, and the spool works on when there is room",
          "[agent][spool]") {
  World world;
  world.open();
  world.append("a");
  world.files.set_capacity(300);
  CHECK_FALSE(world.spool->append(batch_of("does-not-fit")));
  CHECK(world.tool_at(1) == "a");
  world.files.set_capacity(1 << 20);
  CHECK(world.append("b") == 2);
  world.open();
  CHECK(world.tool_at(2) == "b");
  CHECK(world.counters.value("spool_append_failed_total") == 1);
}

TEST_CASE("Spool: a rewrite that fails at any step gives up nothing that is not counted",
          "[agent][spool][crash]") {
  std::uint64_t failures = 0;
  for (std::uint64_t step = 0; step < 60; ++step) {
    CAPTURE(step);
    World world;
    world.options.max_bytes = 4'000;
    world.options.segment_bytes = 300;
    world.open();
    std::uint64_t promised = 0;
    const auto append = [&](int times) {
      for (int i = 0; i < times; ++i) {
        const bool stored = world.spool->append(batch_of("common")).has_value();
        promised += stored ? 1U : 0U;
        failures += stored ? 0U : 1U;
      }
    };
    append(30);  // full, and shedding already
    world.files.fail_after(step);
    append(1);
    world.files.disarm();
    append(40);

    std::uint64_t told = 0;
    for (std::uint64_t at = 1; at <= world.spool->last_sequence();) {
      const SpooledBatch held = world.next(at);
      const Batch batch = World::decoded(held);
      told += batch.contacts.size();
      for (const Gap& gap : batch.gaps) {
        told += gap.contacts;
      }
      at = held.sequence + 1;
    }
    CHECK(told == promised);
  }
  CHECK(failures > 0);
}

TEST_CASE("Spool: a batch that breaks a limit of the wire is refused", "[agent][spool]") {
  World world;
  world.open();
  const auto refused = world.spool->append(batch_of("Not A Tool"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().fault == SpoolFault::invalid);
}

TEST_CASE("Spool: a collector restored from a backup gets its tail again", "[agent][spool]") {
  World world;
  world.open();
  for (int i = 1; i <= 9; ++i) {
    world.append("tool-" + std::to_string(i));
  }
  CHECK(*world.spool->reconcile(0, 0) == 1);
  world.spool->acknowledge(9);
  CHECK(*world.spool->reconcile(world.spool->epoch(), 4) == 5);
  CHECK(world.spool->waiting() == 5);
  CHECK(world.tool_at(5) == "tool-5");
}

TEST_CASE("Spool: a tail that vanished does not reuse its sequences", "[agent][spool]") {
  World world;
  world.open();
  world.append("a");
  std::string* segment = world.files.contents(world.newest_segment());
  const std::string image = *segment;
  world.append("b");
  world.append("c");
  // The collector has all three; the disk goes back to when there was one.
  const std::string path = world.newest_segment();
  world.spool.reset();
  static_cast<void>(world.files.remove("/spool/acknowledged").has_value());
  *world.files.contents(path) = image;
  world.open();
  CHECK(world.append("new-1") == 2);
  CHECK(world.append("new-2") == 3);
  CHECK(world.append("new-3") == 4);
  const auto from = world.spool->reconcile(world.spool->epoch(), 3);
  REQUIRE(from);
  CHECK(*from == 4);
  CHECK(world.tool_at(4) == "new-3");
  CHECK(world.tool_at(5) == "new-1");
  CHECK(world.tool_at(6) == "new-2");
}

TEST_CASE("Spool: an epoch behind the collector's is replaced by a greater one", "[agent][spool]") {
  World world;
  world.open();
  world.append("a");
  world.append("b");
  world.spool->acknowledge(1);
  const std::uint64_t theirs = world.spool->epoch() + 1000;
  CHECK(*world.spool->reconcile(theirs, 77) == 1);
  CHECK(world.spool->epoch() == theirs + 1);
  CHECK(world.spool->last_sequence() == 1);
  CHECK(world.tool_at(1) == "b");
  world.open();
  CHECK(world.spool->epoch() == theirs + 1);
  CHECK(world.tool_at(1) == "b");
  CHECK(world.append("c") == 2);
}

// A cipher that a test can see through: adds its key and the context to the text.
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

TEST_CASE("Spool: begun anew it keeps what waits, under new numbers, and nothing else",
          "[agent][spool]") {
  World world;
  world.open();
  CHECK(world.spool->begin_anew());  // nothing is acknowledged: nothing to do
  const std::uint64_t epoch = world.spool->epoch();
  for (const char* tool : {"a", "b", "c", "d"}) {
    world.append(tool);
  }
  world.spool->acknowledge(2);
  REQUIRE(world.spool->begin_anew());
  CHECK(world.spool->epoch() == epoch + 1);
  CHECK(world.spool->acknowledged() == 0);
  CHECK(world.spool->last_sequence() == 2);
  // A collector that knows nothing of the new name takes it from the first on.
  CHECK(*world.spool->reconcile(0, 0) == 1);
  CHECK(world.tool_at(1) == "c");
  world.open();
  CHECK(world.tool_at(1) == "c");
  CHECK(world.tool_at(2) == "d");
  CHECK(world.append("e") == 3);
}

TEST_CASE("Spool: a power cut while it begins anew loses nothing that waits", "[agent][spool]") {
  for (std::uint64_t at = 0;; ++at) {
    CAPTURE(at);
    World world;
    world.open();
    for (const char* tool : {"a", "b", "c"}) {
      world.append(tool);
    }
    world.spool->acknowledge(1);
    REQUIRE(world.spool->maintain());  // the acknowledgement is on disk
    const std::uint64_t epoch = world.spool->epoch();
    world.files.fail_after(at);
    const bool whole = world.spool->begin_anew().has_value();
    world.spool.reset();
    world.files.disarm();
    world.files.power_cut(world.random);
    world.open();
    const std::uint64_t first = world.spool->epoch() == epoch ? 2 : 1;
    CHECK(world.tool_at(first) == "b");
    CHECK(world.tool_at(first + 1) == "c");
    CHECK(world.spool->last_sequence() == first + 1);
    if (whole) {
      CHECK(world.spool->epoch() == epoch + 1);
      break;
    }
  }
}

TEST_CASE("Spool: encrypted payloads open with their key only", "[agent][spool]") {
  World world;
  const PlainCipher key{"k1"};
  const PlainCipher other{"k2"};
  {
    auto spool = Spool::open(world.files, world.clock, world.counters, world.options, &key);
    REQUIRE(spool);
    REQUIRE((*spool)->append(batch_of("secret")));
    const auto batch = (*spool)->next(1);
    REQUIRE(batch);
    CHECK((*batch)->contacts == 1);
  }
  for (const RecordCipher* cipher :
       {static_cast<const RecordCipher*>(&other), static_cast<const RecordCipher*>(nullptr)}) {
    auto spool = Spool::open(world.files, world.clock, world.counters, world.options, cipher);
    REQUIRE(spool);
    const auto batch = (*spool)->next(1);
    REQUIRE(batch);
    CHECK(World::decoded(**batch).gaps.at(0).reason == "record-damaged");
  }
}

}  // namespace
}  // namespace gnomon
