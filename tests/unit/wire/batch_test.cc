#include "core/wire/batch.h"

#include <optional>
#include <string>

#include "core/file.h"
#include "gnomon/v1/contact.pb.h"
#include "tests/support/batch_builder.h"
#include "tests/support/catch.h"

namespace gnomon {
namespace {

using testing::batch_of;
using testing::contact_with;
using testing::test_time;
using wire::WireError;

Batch full_batch() {
  Batch batch;
  Contact contact = contact_with("trello", Role::signup, Stage::signup_likely);
  contact.tenant = "acme";
  contact.dns = 1;
  contact.quic = 4;
  contact.http = 5;
  contact.bytes_up = 1234;
  contact.bytes_down = 99999;
  contact.user = "u-3f2a";
  contact.evidence = {
      {test_time(3), "first contact with the sign-up page", "trello.com", Role::signup},
      {test_time(4), "then the board itself", "", Role::app}};
  batch.contacts = {contact, contact_with("asana")};
  batch.gaps = {{test_time(-60), test_time(), "spool-full", 12, 3, 5}};
  Health health;
  health.when = test_time(60);
  health.packets = 1000;
  health.dropped = 3;
  health.hellos = 40;
  health.hellos_incomplete = 1;
  health.ech_real = 2;
  health.encrypted_dns = 5;
  health.flows_evicted = 6;
  health.rss_bytes = 18 << 20;
  health.cpu_ms = 1500;
  health.pack_version = 7;
  health.agent_version = "0.1.0";
  health.spool_bytes = 4096;
  health.notes = {"capture degraded"};
  batch.health = health;
  batch.sealed = test_time(61);
  batch.sealed_monotonic_ns = 42;
  batch.part = 3;
  UnknownToken token{};
  token.fill(0xab);
  batch.unknowns = {{token, 8107, 20'774, 20'780}, {UnknownToken{}, 0, 0, 0}};
  return batch;
}

Result<Batch, WireError> through_the_wire(const Batch& batch) {
  return wire::decode_batch(bytes_of(wire::encode_batch(batch)));
}

TEST_CASE("Batch: what is encoded comes back whole", "[core][wire]") {
  const Batch batch = full_batch();
  REQUIRE(wire::fits(batch));
  const auto back = through_the_wire(batch);
  REQUIRE(back);
  CHECK(*back == batch);
  const auto empty = through_the_wire(Batch{});
  REQUIRE(empty);
  CHECK(*empty == Batch{});
}

TEST_CASE("Batch: tokens of unknown domains are held to their form", "[core][wire]") {
  const auto error_of = [](auto change) {
    v1::Batch batch;
    v1::UnknownToken& report = *batch.add_unknowns();
    report.set_token(std::string(16, 't'));
    report.set_first_day(20'774);
    report.set_last_day(20'775);
    change(report);
    const auto back = wire::decode_batch(bytes_of(batch.SerializeAsString()));
    return back ? std::optional<WireError>{} : std::optional{back.error()};
  };
  CHECK_FALSE(error_of([](v1::UnknownToken&) {}));
  CHECK_FALSE(error_of([](v1::UnknownToken& r) { r.set_last_day(106'000); }));
  CHECK(error_of([](v1::UnknownToken& r) { r.set_last_day(106'001); }) == WireError::malformed);
  CHECK(error_of([](v1::UnknownToken& r) { r.set_first_day(20'776); }) == WireError::malformed);
  for (const std::size_t size : {0U, 15U, 17U}) {
    CHECK(error_of([&](v1::UnknownToken& r) { r.set_token(std::string(size, 't')); }) ==
          WireError::malformed);
  }
  Batch many;
  many.unknowns.resize(kMaxBatchUnknowns);
  CHECK(wire::fits(many));
  CHECK(through_the_wire(many));
  many.unknowns.emplace_back();
  CHECK_FALSE(wire::fits(many));
  const auto back = through_the_wire(many);
  REQUIRE_FALSE(back);
  CHECK(back.error() == WireError::over_limit);
}

TEST_CASE("Batch: each limit holds one above and passes at the limit", "[core][wire]") {
  const auto with = [](auto change) {
    Batch batch = batch_of("trello");
    change(batch.contacts[0]);
    return batch;
  };
  const auto refused = [](const Batch& batch) {
    CHECK_FALSE(wire::fits(batch));
    const auto back = through_the_wire(batch);
    return !back && back.error() == WireError::over_limit;
  };
  CHECK(wire::fits(with([](Contact& c) { c.tenant.assign(kMaxTenantBytes, 'a'); })));
  CHECK(refused(with([](Contact& c) { c.tenant.assign(kMaxTenantBytes + 1, 'a'); })));
  CHECK(wire::fits(with([](Contact& c) { c.user.assign(kMaxUserBytes, 'a'); })));
  CHECK(refused(with([](Contact& c) { c.user.assign(kMaxUserBytes + 1, 'a'); })));
  CHECK(wire::fits(with([](Contact& c) { c.tool.assign(kMaxToolBytes, 'a'); })));
  CHECK_FALSE(wire::fits(with([](Contact& c) { c.tool.assign(kMaxToolBytes + 1, 'a'); })));

  Batch many = batch_of("trello");
  many.contacts.assign(kMaxBatchContacts, contact_with("trello"));
  CHECK(wire::fits(many));
  many.contacts.push_back(contact_with("trello"));
  CHECK(refused(many));
  Batch gaps;
  gaps.gaps.assign(kMaxBatchGaps, Gap{test_time(), test_time(), "spool-full", 1, 0, 0});
  CHECK(wire::fits(gaps));
  gaps.gaps.push_back(gaps.gaps[0]);
  CHECK(refused(gaps));

  const std::string large(kMaxBatchBytes + 1, '\0');
  CHECK(wire::decode_batch(bytes_of(large)).error() == WireError::over_limit);
}

TEST_CASE("Batch: texts that only inform are cut, not refused", "[core][wire]") {
  Batch batch = batch_of("trello");
  batch.contacts[0].program = std::string(63, 'p') + "\xc3\xa9";  // the é would end at 65
  batch.contacts[0].evidence.assign(kMaxEvidence + 3,
                                    Evidence{test_time(), std::string(300, 'w'), "", Role::app});
  REQUIRE(wire::fits(batch));
  const auto back = through_the_wire(batch);
  REQUIRE(back);
  CHECK(back->contacts[0].program == std::string(63, 'p'));
  CHECK(back->contacts[0].evidence.size() == kMaxEvidence);
  CHECK(back->contacts[0].evidence[0].what.size() == kMaxWhatBytes);
}

TEST_CASE("Batch: what cannot be true is malformed", "[core][wire]") {
  const auto malformed = [](auto change) {
    v1::Batch batch;
    REQUIRE(batch.ParseFromString(wire::encode_batch(full_batch())));
    change(batch);
    const auto back = wire::decode_batch(bytes_of(batch.SerializeAsString()));
    return !back && back.error() == WireError::malformed;
  };
  CHECK(malformed([](v1::Batch& b) { b.mutable_contacts(0)->set_tool(""); }));
  CHECK(malformed([](v1::Batch& b) { b.mutable_contacts(0)->set_tool("Trello"); }));
  CHECK(malformed([](v1::Batch& b) { b.mutable_contacts(0)->set_tool("a/b"); }));
  CHECK(malformed([](v1::Batch& b) { b.mutable_contacts(0)->set_confidence(1001); }));
  CHECK(malformed([](v1::Batch& b) { b.mutable_contacts(0)->set_window_end_ns(0); }));
  CHECK(malformed([](v1::Batch& b) { b.mutable_contacts(0)->set_last_ns(0); }));
  CHECK(malformed([](v1::Batch& b) { b.mutable_contacts(0)->set_tenant("a\nb"); }));
  CHECK(malformed([](v1::Batch& b) { b.mutable_contacts(0)->set_user("\xff"); }));
  CHECK(malformed([](v1::Batch& b) { b.mutable_gaps(0)->set_reason(""); }));
  CHECK(malformed([](v1::Batch& b) { b.mutable_gaps(0)->set_to_sequence(1); }));
  CHECK(malformed([](v1::Batch& b) { b.mutable_health()->set_notes(0, "\x01"); }));
}

TEST_CASE("Batch: enumerators of a later version become unknown", "[core][wire]") {
  v1::Batch batch;
  REQUIRE(batch.ParseFromString(wire::encode_batch(full_batch())));
  batch.mutable_contacts(0)->set_role(200);
  batch.mutable_contacts(0)->set_stage(9999);
  batch.mutable_contacts(0)->set_audience(77);
  const auto back = wire::decode_batch(bytes_of(batch.SerializeAsString()));
  REQUIRE(back);
  CHECK(back->contacts[0].role == Role::unknown);
  CHECK(back->contacts[0].stage == Stage::none);
  CHECK(back->contacts[0].audience == Audience::unknown);
}

TEST_CASE("Batch: fields of a later version are ignored", "[core][wire]") {
  std::string bytes = wire::encode_batch(full_batch());
  bytes += std::string("\xfa\x3e\x05hello", 8);  // field 1007, five bytes
  const auto back = wire::decode_batch(bytes_of(bytes));
  REQUIRE(back);
  CHECK(*back == full_batch());
}

TEST_CASE("Batch: every byte changed gives a batch or an error, never a crash", "[core][wire]") {
  const std::string good = wire::encode_batch(full_batch());
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char value : {'\x00', '\xff', static_cast<char>(good[i] ^ 0x20)}) {
      std::string bytes = good;
      bytes[i] = value;
      if (const auto back = wire::decode_batch(bytes_of(bytes))) {
        CHECK(wire::fits(*back));
      }
    }
  }
}

TEST_CASE("Batch: the fields may come in any order, and the last of two counts", "[core][wire]") {
  // A contact that says its program before its tool, and its tool twice.
  const std::string contact{
      "\x92\x01\x07"
      "firefox"
      "\x0a\x05"
      "asana"
      "\x0a\x06"
      "trello"};
  std::string bytes{"\x30\x03\x0a"};  // the part, then the contact
  bytes += static_cast<char>(contact.size());
  bytes += contact;
  const auto back = wire::decode_batch(bytes_of(bytes));
  REQUIRE(back);
  REQUIRE(back->contacts.size() == 1);
  CHECK(back->contacts[0].tool == "trello");
  CHECK(back->contacts[0].program == "firefox");
  CHECK(back->part == 3);
  v1::Batch generated;
  REQUIRE(generated.ParseFromString(bytes));
  CHECK(generated.contacts(0).tool() == back->contacts[0].tool);
}

TEST_CASE("Batch: every prefix is an error or a smaller batch", "[core][wire]") {
  const std::string good = wire::encode_batch(full_batch());
  for (std::size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    const std::string prefix = good.substr(0, size);
    const auto back = wire::decode_batch(bytes_of(prefix));
    // Protobuf's own reading says whether the prefix ends between two fields.
    v1::Batch generated;
    CHECK(back.has_value() == generated.ParseFromString(prefix));
    if (back) {
      CHECK(back->contacts.size() == static_cast<std::size_t>(generated.contacts_size()));
      CHECK_FALSE(*back == full_batch());
    }
  }
}

TEST_CASE("Batch: lengths that lie are malformed", "[core][wire]") {
  const auto malformed = [](const std::string& bytes) {
    const auto back = wire::decode_batch(bytes_of(bytes));
    return !back && back.error() == WireError::malformed;
  };
  CHECK(malformed("\x0a\x7f"));                                        // a contact beyond the end
  CHECK(malformed("\x0a\x03\x0a\x05hello"));                           // a text beyond its contact
  CHECK(malformed("\x0a\xff\xff\xff\xff\x0f"));                        // more than an int holds
  CHECK(malformed(std::string(1, '\x20') + std::string(11, '\xff')));  // a number without end
  CHECK(malformed(std::string("\x00", 1)));                            // field number 0
  CHECK(malformed("\x0b\x0c"));                                        // a group
  CHECK(malformed("\x0a"));
}

TEST_CASE("Compression: what is compressed comes back, within the limit only", "[core][wire]") {
  const std::string plain(10'000, 'x');
  const std::string small = wire::compress(plain);
  CHECK(small.size() < 100);
  const auto back = wire::decompress(bytes_of(small), plain.size());
  REQUIRE(back);
  CHECK(*back == plain);
  CHECK(wire::decompress(bytes_of(small), plain.size() - 1).error() == WireError::over_limit);
  CHECK(*wire::decompress(bytes_of(wire::compress("")), 0) == "");
}

TEST_CASE("Compression: rubbish and torn frames are malformed", "[core][wire]") {
  CHECK(wire::decompress(bytes_of("not zstd at all"), 1000).error() == WireError::malformed);
  CHECK(wire::decompress({}, 1000).error() == WireError::malformed);
  const std::string small = wire::compress("some text that is long enough to be cut");
  for (std::size_t size = 0; size < small.size(); ++size) {
    CHECK_FALSE(wire::decompress(bytes_of(small.substr(0, size)), 1000));
  }
}

}  // namespace
}  // namespace gnomon
