#include "agent/replay_plan.h"

#include "core/byte_writer.h"
#include "core/file.h"
#include "tests/support/catch.h"
#include "tests/support/temp_directory.h"

namespace gnomon {
namespace {

// A pcap file (big-endian, microseconds, Ethernet) with one packet of one byte at each time.
std::string pcap_with_packets_at(const std::vector<std::uint32_t>& seconds) {
  ByteWriter writer;
  writer.u32(0xa1b2c3d4);
  writer.u16(2);
  writer.u16(4);
  writer.u32(0);
  writer.u32(0);
  writer.u32(65535);
  writer.u32(1);
  for (const std::uint32_t second : seconds) {
    writer.u32(second);
    writer.u32(0);
    writer.u32(1);
    writer.u32(1);
    writer.u8(0);
  }
  return std::string{text_of(writer.view())};
}

class Captures {
 public:
  std::string add(const std::string& name, const std::string& contents) {
    PosixFileSystem files;
    REQUIRE(replace_file(files, folder_.file(name), contents, Durable::no));
    return folder_.file(name);
  }

 private:
  testing::TempDirectory folder_;
};

TEST_CASE("plan_captures: files are put in the order of their first packets", "[agent][replay]") {
  Captures captures;
  const auto late = captures.add("late.pcap", pcap_with_packets_at({2000, 2001}));
  const auto none = captures.add("none.pcap", pcap_with_packets_at({}));
  const auto early = captures.add("early.pcap", pcap_with_packets_at({1000}));
  const auto plan = plan_captures({late, none, early});
  REQUIRE(plan);
  REQUIRE(plan->size() == 3);
  CHECK((*plan)[0].path == early);
  CHECK((*plan)[1].path == late);
  CHECK((*plan)[2].path == none);
  CHECK_FALSE((*plan)[2].first);
}

TEST_CASE("plan_captures: what is no capture or cannot be read is named", "[agent][replay]") {
  Captures captures;
  const auto text = captures.add("notes.txt", "this is not a capture, it is a text");
  const auto plan = plan_captures({text});
  REQUIRE_FALSE(plan);
  CHECK(plan.error().kind == CaptureError::Kind::not_a_capture);
  CHECK(plan.error().text.find("notes.txt") != std::string::npos);
  CHECK(plan_captures({text + ".missing"}).error().kind == CaptureError::Kind::unreadable);
}

TEST_CASE("replay_id: says the same for the same contents, whatever the file is called",
          "[agent][replay]") {
  Captures captures;
  const std::vector<PlannedCapture> first{{captures.add("a", "contents"), {}}};
  const std::vector<PlannedCapture> renamed{{captures.add("b", "contents"), {}}};
  const std::vector<PlannedCapture> other{{captures.add("c", "contents!"), {}}};
  const auto id = replay_id(first, "terms");
  REQUIRE(id);
  CHECK(*id == *replay_id(renamed, "terms"));
  CHECK(*id != *replay_id(other, "terms"));
  CHECK(*id != *replay_id(first, "other terms"));
}

TEST_CASE("replay_id: where one file ends and the next begins matters", "[agent][replay]") {
  Captures captures;
  const std::vector<PlannedCapture> one{{captures.add("a", "xy"), {}},
                                        {captures.add("b", "z"), {}}};
  const std::vector<PlannedCapture> two{{captures.add("c", "x"), {}},
                                        {captures.add("d", "yz"), {}}};
  CHECK(*replay_id(one, "") != *replay_id(two, ""));
}

TEST_CASE("parse_time: reads UTC times and nothing else", "[agent][replay]") {
  const WallTime expected = WallTime{std::chrono::sys_days{std::chrono::year{2026} / 11 / 16}} +
                            std::chrono::hours{9} + std::chrono::minutes{10};
  CHECK(parse_time("2026-11-16T09:10") == expected);
  CHECK(parse_time("2026-11-16 09:10:05Z") == expected + std::chrono::seconds{5});
  for (const auto* wrong : {"", "2026-11-16", "2026-13-16T09:10", "2026-02-30T09:10",
                            "2026-11-16T24:10", "2026-11-16T09:60", "2026-11-16T09:10:5",
                            "2026-1a-16T09:10", "-026-11-16T09:10", "2026-11-16T09:10+01:00"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_time(wrong));
  }
}

}  // namespace
}  // namespace gnomon
