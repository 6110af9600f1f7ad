#include "agent/parcel_store.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "agent/agent_rules.h"
#include "agent/config.h"
#include "agent/contact_queue.h"
#include "agent/memory_file.h"
#include "agent/pushes.h"
#include "agent/spool/spool.h"
#include "core/catalog/trust.h"
#include "core/counters.h"
#include "core/wire/batch.h"
#include "tests/support/catch.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/manual_clock.h"
#include "tests/support/pack_builder.h"
#include "tests/support/temp_directory.h"

namespace gnomon {
namespace {

using testing::FakeFileSystem;
using testing::ManualClock;
using testing::PackBuilder;
using testing::TempDirectory;

Contact contact_with(const std::string& tool) {
  const WallTime time = testing::test_time();
  Contact contact;
  contact.tool = tool;
  contact.role = Role::app;
  contact.stage = Stage::visited;
  contact.window_begin = time;
  contact.window_end = time + std::chrono::minutes{15};
  contact.first = time + std::chrono::minutes{2};
  contact.last = time + std::chrono::minutes{9};
  contact.tls = 1;
  return contact;
}

// Store is a parcel store on a disk that can be full. The catalogue alone lies on a real one.
struct Store {
  TempDirectory folder;
  PosixFileSystem posix;
  FakeFileSystem files;
  ManualClock clock;
  Counters counters;
  ContactQueue queue{16};
  Config config;
  MemoryFile memory_file{files, "/memory"};
  std::unique_ptr<Spool> spool;
  std::unique_ptr<Pushes> pushes;
  std::unique_ptr<ParcelStore> store;
  std::vector<std::uint64_t> told;  // how many parcels were stored, each time it was told
  std::vector<std::uint8_t> ledger;

  Store() {
    config.data = folder.file("data");
    config.rules = folder.file("catalogue.pack");
    config.trust = folder.file("catalogue.trust");
    PackBuilder catalogue;
    catalogue.tool("trello");
    catalogue.rule("trello.com");
    REQUIRE(replace_file(posix, config.rules, text_of(catalogue.bytes())));
    const SecretKey root = SecretKey::generate();
    TrustedKeys keys = catalogue.trusted();
    keys.root_version = 1;
    keys.root_keys = {root.public_key()};
    keys.root_expires = testing::test_time() + std::chrono::days{1000};
    REQUIRE(replace_file(posix, config.trust, make_root(keys, {root})));

    SpoolOptions options;
    options.directory = "/spool";
    auto opened = Spool::open(files, clock, counters, options);
    REQUIRE(opened);
    spool = *std::move(opened);
    pushes = std::make_unique<Pushes>(posix, clock, config, AgentRules::open(config));
    ParcelStore::Hooks hooks;
    hooks.notes = [] { return std::vector<std::string>{}; };
    hooks.ledger = [this](const std::vector<std::uint8_t>& bytes) { ledger = bytes; };
    hooks.stored = [this] { told.push_back(store->stored()); };
    store = std::make_unique<ParcelStore>(
        ParcelStore::Parts{queue, *spool, memory_file, *pushes, clock, counters},
        ParcelStore::Options{true, true}, hooks, Memory{});
  }

  void put(Contact contact, std::uint8_t memory) {
    Parcel parcel;
    parcel.contacts.push_back(std::move(contact));
    parcel.memory = {memory};
    parcel.ledger = {memory, memory};
    REQUIRE(queue.try_put(parcel));
  }

  Batch batch(std::uint64_t sequence) {
    const auto next = spool->next(sequence);
    REQUIRE(next);
    REQUIRE(*next);
    const auto plain = wire::decompress(bytes_of((*next)->payload), kMaxBatchBytes);
    REQUIRE(plain);
    auto batch = wire::decode_batch(bytes_of(*plain));
    REQUIRE(batch);
    return *std::move(batch);
  }
  Memory memory() {
    auto loaded = memory_file.load();
    REQUIRE(loaded);
    return *std::move(loaded);
  }
};

TEST_CASE("ParcelStore: parcels are stored in order, each with the memory that goes with it",
          "[agent][spool]") {
  Store s;
  s.put(contact_with("trello"), 1);
  s.put(contact_with("asana"), 2);
  CHECK(s.store->drain());
  CHECK(s.told == std::vector<std::uint64_t>{1, 2});
  CHECK(s.batch(1).contacts.at(0).tool == "trello");
  CHECK(s.batch(2).contacts.at(0).tool == "asana");
  CHECK(s.batch(2).sealed == s.clock.wall());
  CHECK(s.memory().evidence == std::vector<std::uint8_t>{2});
  CHECK(s.memory().ledger == std::vector<std::uint8_t>{2, 2});
  CHECK(s.ledger == std::vector<std::uint8_t>{2, 2});
  CHECK(s.store->trouble().empty());
}

TEST_CASE("ParcelStore: what a full disk does not take is kept, and nothing overtakes it",
          "[agent][spool]") {
  Store s;
  s.files.set_capacity(0);
  s.put(contact_with("trello"), 1);
  s.put(contact_with("asana"), 2);
  CHECK_FALSE(s.store->drain());
  CHECK_FALSE(s.store->drain());
  CHECK(s.store->stored() == 0);
  CHECK(s.store->trouble().starts_with("contacts cannot be stored"));
  // The first is held, the second still waits on the queue.
  CHECK(s.queue.take().has_value());
  CHECK_FALSE(s.queue.take().has_value());

  s.files.set_capacity(1 << 20);
  s.put(contact_with("asana"), 2);
  CHECK(s.store->drain());
  CHECK(s.told == std::vector<std::uint64_t>{1, 2});
  CHECK(s.batch(1).contacts.at(0).tool == "trello");
  CHECK(s.batch(2).contacts.at(0).tool == "asana");
  CHECK(s.store->trouble().empty());
}

TEST_CASE("ParcelStore: a contact that breaks a limit is given up alone, and declared",
          "[agent][spool]") {
  Store s;
  Contact unfit = contact_with("trello");
  unfit.tool = "No Tool's Id";
  Parcel parcel;
  parcel.contacts = {contact_with("asana"), unfit, contact_with("slack")};
  REQUIRE(s.queue.try_put(parcel));
  CHECK(s.store->drain());
  const Batch batch = s.batch(1);
  REQUIRE(batch.contacts.size() == 2);
  CHECK(batch.contacts[0].tool == "asana");
  CHECK(batch.contacts[1].tool == "slack");
  REQUIRE(batch.gaps.size() == 1);
  CHECK(batch.gaps[0].reason == "contact-unfit");
  CHECK(batch.gaps[0].contacts == 1);
  CHECK(batch.gaps[0].from == unfit.first);
  CHECK(batch.gaps[0].to == unfit.last);
}

TEST_CASE("ParcelStore: contacts are safe when their memory cannot be saved, and that is said",
          "[agent][spool]") {
  Store s;
  s.put(contact_with("trello"), 1);
  REQUIRE(s.store->drain());
  const std::uint64_t before = s.files.changes();
  s.put(contact_with("asana"), 2);
  REQUIRE(s.store->drain());
  const std::uint64_t all = s.files.changes() - before;
  // The last change of a parcel is one of its memory.
  s.files.fail_after(all - 1);
  s.put(contact_with("slack"), 3);
  CHECK(s.store->drain());
  CHECK(s.store->trouble().starts_with("the memory cannot be saved"));
  CHECK(s.batch(3).contacts.at(0).tool == "slack");
  s.files.disarm();
  s.put(contact_with("asana"), 4);
  CHECK(s.store->drain());
  CHECK(s.store->trouble().empty());
  CHECK(s.memory().evidence == std::vector<std::uint8_t>{4});
}

}  // namespace
}  // namespace gnomon
