#include "agent/status_file.h"

#include "tests/support/catch.h"

namespace gnomon {
namespace {

TEST_CASE("Status: what is written is what is read", "[agent][status]") {
  Status status;
  status.pid = 12;
  status.mode = "run";
  status.started = WallTime{std::chrono::seconds{1'800'000'000}};
  status.updated = status.started + std::chrono::milliseconds{1};
  status.pack_version = 3;
  status.overlay_version = 29401233;
  status.own_tools = 4;
  status.policy_version = 1'800'000'000;
  status.last_sequence = 900;
  status.acknowledged = 899;
  status.spool_bytes = 1 << 20;
  status.confinement = "files by Landlock 7";
  status.strain = "over its budget: programs are not named";
  status.connected = true;
  status.last_contact = status.started;
  status.clock_offset = std::chrono::seconds{-7200};
  status.trouble = "the disk is full: a = b";
  status.attributed = {{{40, 2, 5}, {30, 0, 1}, {7, 1, 2}, {}}};
  CHECK(decode_status(encode_status(status)) == status);
  status.last_contact.reset();
  status.clock_offset.reset();
  status.connected = false;
  status.trouble.clear();
  CHECK(decode_status(encode_status(status)) == status);
}

TEST_CASE("Status: whose contacts they were is read from the counters of the attribution",
          "[agent][status]") {
  Counters counters;
  counters.counter("attribute_sightings_total", {}, {{"source", "tls"}, {"outcome", "program"}})
      .add(3);
  counters.counter("attribute_sightings_total", {}, {{"source", "quic"}, {"outcome", "unknown"}})
      .add(2);
  const auto attributed = attributed_of(counters);
  CHECK(attributed[1] == Attributed{3, 0, 0});
  CHECK(attributed[2] == Attributed{0, 0, 2});
  CHECK(attributed[0].all() == 0);
}

TEST_CASE("Status: other text is no status", "[agent][status]") {
  CHECK_FALSE(decode_status(""));
  CHECK_FALSE(decode_status("hello\nworld=1\n"));
}

}  // namespace
}  // namespace gnomon
