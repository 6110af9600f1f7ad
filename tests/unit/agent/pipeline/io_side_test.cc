#include "agent/io_side.h"

#include <string>
#include <vector>

#include "agent/agent_rules.h"
#include "agent/data_folder.h"
#include "agent/memory_file.h"
#include "agent/unknowns_desk.h"
#include "core/catalog/trust.h"
#include "core/counters.h"
#include "core/net/crypto.h"
#include "core/wire/batch.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_rule_pack.h"
#include "tests/support/manual_clock.h"
#include "tests/support/pack_builder.h"
#include "tests/support/temp_directory.h"

namespace gnomon {
namespace {

using testing::eventually;
using testing::FakeRulePack;
using testing::ManualClock;
using testing::PackBuilder;
using testing::TempDirectory;

constexpr std::uint32_t kEpoch = 8107;
const std::string kSecret(32, 'k');

// Workstation is the data folder of an agent that may report tokens, and was asked for them.
struct Workstation {
  TempDirectory folder;
  PosixFileSystem files;
  ManualClock clock;
  Counters counters;
  ContactQueue queue{16};
  Config config;
  MemoryFile memory_file{files, folder.file("memory")};
  UnknownLedger ledger;

  Workstation() {
    config.data = folder.file("data");
    config.rules = folder.file("catalogue.pack");
    config.trust = folder.file("catalogue.trust");
    config.report_unknowns = true;
    const DataFolder data{config.data};
    REQUIRE(files.make_directory(config.data));
    REQUIRE(replace_file(files, data.unknowns_key(), to_hex(kSecret) + "\n"));
    PackBuilder catalogue;
    catalogue.tool("trello");
    catalogue.rule("trello.com");
    REQUIRE(replace_file(files, config.rules, text_of(catalogue.bytes())));
    const SecretKey root = SecretKey::generate();
    TrustedKeys keys = catalogue.trusted();
    keys.root_version = 1;
    keys.root_keys = {root.public_key()};
    keys.root_expires = testing::test_time() + std::chrono::days{1000};
    REQUIRE(replace_file(files, config.trust, make_root(keys, {root})));
    UnknownsDesk{files, clock, config, nullptr}.take_policy({true, kEpoch});
  }

  void open_on(const char* host, int day) {
    ledger.see(FakeRulePack{}, host, clock.wall() + std::chrono::days{day}, Manner::opened);
  }
  std::unique_ptr<Spool> open_spool() {
    SpoolOptions options;
    options.directory = DataFolder{config.data}.spool();
    auto opened = Spool::open(files, clock, counters, options);
    REQUIRE(opened);
    return std::move(*opened);
  }
  // left is how many domains' tokens the agent has noted as reported.
  std::size_t left() { return read_unknown_reports(files, config, nullptr).left_count(); }
  // spooled are the tokens that wait for the collector.
  std::vector<UnknownToken> spooled() {
    std::vector<UnknownToken> tokens;
    const auto spool = open_spool();
    for (std::uint64_t at = 1;;) {
      const auto next = spool->next(at);
      REQUIRE(next);
      if (!*next) {
        return tokens;
      }
      const auto plain = wire::decompress(bytes_of((*next)->payload), kMaxBatchBytes);
      REQUIRE(plain);
      const auto batch = wire::decode_batch(bytes_of(*plain));
      REQUIRE(batch);
      for (const TokenReport& report : batch->unknowns) {
        tokens.push_back(report.token);
      }
      at = (*next)->sequence + 1;
    }
  }
};

// A running agent, without a collector in reach: what it reports waits in its spool. Nothing asks
// it to report but its own timer.
TEST_CASE("IoSide: tokens of unknown domains leave by themselves, time after time",
          "[agent][unknowns]") {
  Workstation ws;
  ws.open_on("old.example", 0);
  ws.open_on("old.example", 1);
  ws.open_on("once.example", 1);
  Memory memory;
  memory.ledger = ws.ledger.encode();
  IoSideOptions options;
  options.mode = "run";
  options.upload = false;
  options.report_unknowns_every = std::chrono::milliseconds{5};
  {
    IoSide side{{ws.files, ws.clock, ws.counters, ws.queue, ws.memory_file},
                ws.config,
                options,
                ws.open_spool(),
                memory,
                AgentRules::open(ws.config)};
    side.start();
    REQUIRE(eventually([&] { return ws.left() == 1; }));

    // The capture side meets one of them again, on another day; the next round takes it along.
    ws.open_on("once.example", 2);
    Parcel parcel;
    parcel.ledger = ws.ledger.encode();
    REQUIRE(ws.queue.try_put(parcel));
    side.wake();
    REQUIRE(eventually([&] { return ws.left() == 2; }));
    side.stop();
  }
  CHECK(ws.spooled() == std::vector<UnknownToken>{unknown_token(kSecret, kEpoch, "old.example"),
                                                  unknown_token(kSecret, kEpoch, "once.example")});
}

}  // namespace
}  // namespace gnomon
