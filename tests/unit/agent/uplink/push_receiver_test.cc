#include "agent/uplink/push_receiver.h"

#include <string>

#include "core/net/crypto.h"
#include "core/sha256.h"
#include "core/wire/batch.h"
#include "tests/support/catch.h"
#include "tests/support/temp_directory.h"

namespace gnomon {
namespace {

// Desk is a receiver that takes everything, and what it took.
struct Desk {
  Desk() {
    options.pack_path = folder.file("pack");
    hooks.verify = [](wire::PushKind, const std::string&) -> Result<Ok, std::string> {
      return Ok{};
    };
  }

  std::string taken() {
    const auto bytes = read_whole_file(files, options.pack_path, 1 << 20);
    REQUIRE(bytes);
    return *bytes;
  }

  testing::TempDirectory folder;
  PosixFileSystem files;
  UplinkOptions options;
  UplinkHooks hooks;
  PushReceiver receiver{files, options, hooks};
};

constexpr std::size_t kPiece = 100;

wire::Push piece_of(const std::string& whole, std::size_t offset) {
  wire::Push push;
  push.kind = wire::PushKind::rule_pack;
  push.version = 3;
  push.total_bytes = whole.size();
  push.offset = offset;
  push.piece = whole.substr(offset, kPiece);
  push.sha256 = sha256_text(whole);
  return push;
}

TEST_CASE("PushReceiver: what an earlier connection brought is gone on with", "[agent][uplink]") {
  Desk desk;
  const std::string whole = random_bytes(250);
  CHECK_FALSE(desk.receiver.part());
  CHECK_FALSE(desk.receiver.take(piece_of(whole, 0)));
  const auto part = desk.receiver.part();
  REQUIRE(part);
  CHECK(part->received == kPiece);
  CHECK(part->version == 3);
  CHECK(part->sha256 == sha256_text(whole));
  // The connection breaks here.
  CHECK_FALSE(desk.receiver.take(piece_of(whole, 100)));
  const auto reply = desk.receiver.take(piece_of(whole, 200));
  REQUIRE(reply);
  CHECK(reply->applied);
  CHECK(desk.taken() == whole);
  CHECK_FALSE(desk.receiver.part());
}

TEST_CASE("PushReceiver: a collector that begins anew is followed", "[agent][uplink]") {
  Desk desk;
  const std::string old = random_bytes(250);
  const std::string whole = random_bytes(150);
  CHECK_FALSE(desk.receiver.take(piece_of(old, 0)));
  CHECK_FALSE(desk.receiver.take(piece_of(whole, 0)));
  const auto reply = desk.receiver.take(piece_of(whole, 100));
  REQUIRE(reply);
  CHECK(reply->applied);
  CHECK(desk.taken() == whole);
}

TEST_CASE("PushReceiver: pieces of two pushes are not put together", "[agent][uplink]") {
  Desk desk;
  const std::string one = random_bytes(250);
  const std::string other = random_bytes(250);
  CHECK_FALSE(desk.receiver.take(piece_of(one, 0)));
  const auto reply = desk.receiver.take(piece_of(other, 100));
  REQUIRE(reply);
  CHECK_FALSE(reply->applied);
  CHECK(reply->reason == "the pieces did not come in order");
  CHECK_FALSE(desk.receiver.part());
}

TEST_CASE("PushReceiver: a compressed push is unpacked before it is verified", "[agent][uplink]") {
  Desk desk;
  const std::string plain(5000, 'p');
  std::string verified;
  desk.hooks.verify = [&](wire::PushKind, const std::string& bytes) -> Result<Ok, std::string> {
    verified = bytes;
    return Ok{};
  };
  const std::string packed = wire::compress(plain);
  REQUIRE(packed.size() <= kPiece);
  wire::Push push = piece_of(packed, 0);
  push.plain_bytes = plain.size();
  SECTION("as promised") {
    const auto reply = desk.receiver.take(push);
    REQUIRE(reply);
    CHECK(reply->applied);
    CHECK(verified == plain);
    CHECK(desk.taken() == plain);
  }
  SECTION("with another size than promised") {
    push.plain_bytes = plain.size() + 1;
    const auto reply = desk.receiver.take(push);
    REQUIRE(reply);
    CHECK(reply->reason == "it cannot be unpacked");
    CHECK(verified.empty());
  }
  SECTION("that is not compressed at all") {
    push = piece_of(random_bytes(50), 0);
    push.plain_bytes = 80;
    const auto reply = desk.receiver.take(push);
    REQUIRE(reply);
    CHECK(reply->reason == "it cannot be unpacked");
    CHECK(verified.empty());
  }
}

}  // namespace
}  // namespace gnomon
