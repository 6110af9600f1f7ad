// The spool against a model: a collector that keeps the rules of collector/ingest/upload.h must
// end with every batch exactly once, or with a gap that declares it, whatever happens on the way.

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "agent/spool/spool.h"
#include "core/log.h"
#include "tests/support/batch_builder.h"
#include "tests/support/catch.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/manual_clock.h"

namespace gnomon {
namespace {

using testing::batch_of;
using testing::FakeFileSystem;
using testing::ManualClock;

// What happens to the spool, beside appends and uploads.
struct Weather {
  bool power_cuts = false;
  bool flips = false;       // one byte of a segment
  bool truncates = false;   // a segment loses its end
  bool small_disk = false;  // ENOSPC now and then
  bool small_spool = false;
};

class Model {
 public:
  Model(unsigned seed, Weather weather) : random_(seed), weather_(weather) {
    log::set_level(log::Level::error);
    options_.directory = "/spool";
    rare_ = 4U << seed % 5;
    options_.segment_bytes = 600 + random_() % 2000;
    if (weather.small_spool) {
      options_.max_bytes = 12'000;
    }
    open();
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      switch (random_() % 16) {
        case 0:
          open();
          break;
        case 1:
          if (weather_.power_cuts) {
            files_.power_cut(random_);
            open();
          }
          break;
        case 2:
          if (weather_.flips) {
            damage(false);
          }
          break;
        case 3:
          if (weather_.truncates) {
            damage(true);
          }
          break;
        case 4:
          if (weather_.small_disk) {
            files_.set_capacity(files_.contents("/spool/epoch") == nullptr
                                    ? 1 << 20
                                    : spool_->bytes() + random_() % 600);
          }
          break;
        case 5:
          clock_.advance(std::chrono::hours{random_() % 30});
          CHECK((spool_->maintain() || weather_.small_disk));
          break;
        case 6:
        case 7:
        case 8:
          // A small spool is one whose collector is away most of the time.
          if (weather_.small_spool && random_() % 12 != 0) {
            append();
          } else {
            upload(random_() % 12);
          }
          break;
        default:
          append();
      }
      if (random_() % 8 == 0) {
        files_.set_capacity(UINT64_MAX);
      }
    }
    files_.set_capacity(UINT64_MAX);
    upload(100'000);
  }

  void check() const {
    for (const auto& [tool, epoch_and_sequence] : appended_) {
      const auto times = static_cast<std::size_t>(stored_.count(tool));
      CAPTURE(tool);
      CHECK(times <= 1);
      if (times == 0) {
        const auto [epoch, sequence] = epoch_and_sequence;
        const bool declared = declared_.contains({epoch, sequence}) || shed_declared_ > 0;
        CHECK(declared);
      }
    }
    if (weather_.small_spool) {
      check_shedding();
    }
    if (!weather_.flips && !weather_.truncates && !weather_.small_spool) {
      for (const auto& [tool, place] : appended_) {
        CHECK(stored_.count(tool) == 1);
      }
    }
  }

  std::uint64_t shed_declared() const { return shed_declared_; }

 private:
  // What a full spool gave up is counted, one by one, and never was the first sight of a tool.
  void check_shedding() const {
    std::uint64_t missing = 0;
    for (const auto& [mark, place] : appended_) {
      if (stored_.count(mark) > 0 || named_.contains(place)) {
        continue;
      }
      ++missing;
      CAPTURE(mark);
      CHECK_FALSE(first_sights_.contains(mark));
    }
    CHECK(missing == shed_declared_);
  }

  void open() {
    spool_.reset();
    files_.set_capacity(UINT64_MAX);
    auto opened = Spool::open(files_, clock_, counters_, options_);
    REQUIRE(opened);
    spool_ = *std::move(opened);
    hello();
  }

  void hello() {
    const auto from = spool_->reconcile(stored_epoch_, cursor_);
    REQUIRE(from);
    next_ = *from;
  }

  // The mark of a contact is its tenant, whatever its tool.
  Contact made_contact() {
    const std::string mark = "tool-" + std::to_string(++made_);
    const bool common = weather_.small_spool && random_() % rare_ != 0;
    Contact contact = testing::contact_with(common ? "common" : mark);
    contact.tenant = mark;
    if (weather_.small_spool) {
      contact.role = static_cast<Role>(1 + random_() % 11);
      contact.stage = random_() % 2 == 0 ? Stage::visited : Stage::mentioned;
      if (random_() % 3 == 0) {
        contact.evidence.push_back({contact.first, "seen", "app.example.com", Role::app});
      }
    }
    return contact;
  }

  void append() {
    Batch batch = batch_of("tool");
    batch.contacts.clear();
    for (auto left = weather_.small_spool ? 1 + random_() % 4 : 1; left > 0; --left) {
      batch.contacts.push_back(made_contact());
    }
    if (weather_.small_spool && random_() % 4 == 0) {
      batch.health = Health{};
    }
    if (const auto sequence = spool_->append(batch)) {
      for (const Contact& contact : batch.contacts) {
        appended_[contact.tenant] = {spool_->epoch(), *sequence};
        if (contact.tool == contact.tenant) {
          first_sights_.insert(contact.tenant);
        }
      }
    } else if (sequence.error().fault == SpoolFault::io) {
      // The process lives on and may try again; the batch was not promised.
    }
  }

  // upload sends up to `count` batches; some acknowledgements get lost on the way, and then the
  // agent says hello again.
  void upload(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto batch = spool_->next(next_);
      REQUIRE(batch);
      if (!*batch) {
        return;
      }
      receive(**batch);
      next_ = (*batch)->sequence + 1;
      if (count < 100'000 && random_() % 10 == 0) {
        hello();
        return;
      }
      spool_->acknowledge((*batch)->sequence);
    }
  }

  void receive(const SpooledBatch& batch) {
    const std::uint64_t epoch = spool_->epoch();
    CHECK(batch.first_sequence <= batch.sequence);
    if (epoch == stored_epoch_ && batch.sequence <= cursor_) {
      return;  // repeated
    }
    const std::uint64_t expected = epoch == stored_epoch_ ? cursor_ + 1 : 1;
    REQUIRE(batch.first_sequence == expected);
    stored_epoch_ = epoch;
    cursor_ = batch.sequence;
    const auto plain = wire::decompress(bytes_of(batch.payload), kMaxBatchBytes);
    REQUIRE(plain);
    const auto decoded = wire::decode_batch(bytes_of(*plain));
    REQUIRE(decoded);
    for (const Contact& contact : decoded->contacts) {
      stored_.insert(contact.tenant);
    }
    for (const Gap& gap : decoded->gaps) {
      if (gap.reason == "spool-full" || gap.reason == "spool-expired") {
        shed_declared_ += gap.contacts;
      }
      for (std::uint64_t at = gap.from_sequence; at != 0 && at <= gap.to_sequence; ++at) {
        declared_.insert({epoch, at});
        if (gap.reason == "record-damaged" || gap.reason == "retention-passed") {
          named_.insert({epoch, at});  // without a count: nobody could read it any more
        }
      }
    }
  }

  void damage(bool truncate) {
    std::vector<std::string> segments;
    for (const std::string& path : files_.paths()) {
      if (path.ends_with(".seg")) {
        segments.push_back(path);
      }
    }
    if (segments.empty()) {
      return;
    }
    std::string& bytes = *files_.contents(segments[random_() % segments.size()]);
    if (bytes.empty()) {
      return;
    }
    if (truncate) {
      // What was synced, was not uploaded and vanishes without a trace cannot be declared, and
      // its sequence may be used again: it was never seen by anybody. So upload first.
      upload(100'000);
      spool_.reset();
      bytes.resize(random_() % bytes.size());
      open();
    } else {
      bytes[random_() % bytes.size()] ^= static_cast<char>(1 << random_() % 8);
      if (random_() % 2 == 0) {
        open();
      }
    }
  }

  std::mt19937 random_;
  unsigned rare_ = 4;  // in a small spool, one batch in so many has a tool of its own
  Weather weather_;
  FakeFileSystem files_;
  ManualClock clock_;
  Counters counters_;
  SpoolOptions options_;
  std::unique_ptr<Spool> spool_;
  int made_ = 0;
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> appended_;

  // The collector.
  std::uint64_t stored_epoch_ = 0;
  std::uint64_t cursor_ = 0;
  std::multiset<std::string> stored_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> declared_;
  std::set<std::pair<std::uint64_t, std::uint64_t>> named_;
  std::set<std::string> first_sights_;  // marks of batches with a tool of their own
  std::uint64_t shed_declared_ = 0;
  std::uint64_t next_ = 1;
};

void play(Weather weather, unsigned rounds, unsigned first = 1) {
  std::uint64_t shed = 0;
  for (unsigned seed = first; seed < first + rounds; ++seed) {
    CAPTURE(seed);
    Model model(seed, weather);
    model.run(150);
    model.check();
    shed += model.shed_declared();
  }
  CHECK((shed > 0) == weather.small_spool);
}

TEST_CASE("Spool model: restarts and lost acknowledgements lose nothing", "[agent][spool]") {
  play({}, 60);
}

TEST_CASE("Spool model: power cuts and full disks lose nothing that was promised",
          "[agent][spool][crash]") {
  Weather weather;
  weather.power_cuts = true;
  weather.small_disk = true;
  play(weather, 120);
}

TEST_CASE("Spool model: what flipped bits cost is declared", "[agent][spool][crash]") {
  Weather weather;
  weather.power_cuts = true;
  weather.flips = true;
  play(weather, 120);
}

TEST_CASE("Spool model: a lost tail never makes two batches share a sequence",
          "[agent][spool][crash]") {
  Weather weather;
  weather.power_cuts = true;
  weather.truncates = true;
  play(weather, 120);
}

TEST_CASE("Spool model: what a small spool gives up is declared", "[agent][spool]") {
  Weather weather;
  weather.power_cuts = true;
  weather.small_spool = true;
  play(weather, 120);
}

TEST_CASE("Spool model: a small spool on a full disk still counts what it gives up",
          "[agent][spool][crash]") {
  Weather weather;
  weather.power_cuts = true;
  weather.small_spool = true;
  weather.small_disk = true;
  // Among them 564, where a rewrite fails for want of room and its segment must not be taken for
  // one that holds gaps alone.
  play(weather, 120, 500);
}

}  // namespace
}  // namespace gnomon
