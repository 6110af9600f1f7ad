#include "collector/ingest/push_image.h"

#include "core/file.h"
#include "core/net/crypto.h"
#include "core/sha256.h"
#include "core/wire/frame.h"
#include "tests/support/catch.h"

namespace gnomon {
namespace {

wire::Push push_in(const SharedFrame& frame) {
  const auto decoded = wire::decode(bytes_of(*frame).subspan(wire::kFrameHeaderBytes));
  REQUIRE(decoded);
  REQUIRE(std::holds_alternative<wire::Push>(*decoded));
  return std::get<wire::Push>(*decoded);
}

std::string whole_of(const PushImage& image) {
  std::string whole;
  for (std::size_t i = 0; i < image.pieces(); ++i) {
    const wire::Push push = push_in(image.piece(i));
    CHECK(push.offset == whole.size());
    whole += push.piece;
  }
  return whole;
}

TEST_CASE("PushOffer: the pieces make the whole, compressed where that gains",
          "[collector][ingest]") {
  const PushContent text{7, std::string(300'000, 'x') + "the end"};
  const PushOffer offer = PushOffer::make(wire::PushKind::rule_pack, text);
  CHECK(offer.version == 7);
  CHECK(whole_of(*offer.plain) == text.bytes);
  CHECK(push_in(offer.plain->piece(0)).plain_bytes == 0);
  CHECK(offer.zstd->bytes() < 10'000);
  const wire::Push packed = push_in(offer.zstd->piece(0));
  CHECK(packed.plain_bytes == text.bytes.size());
  const auto plain = wire::decompress(bytes_of(whole_of(*offer.zstd)), wire::kMaxPushBytes);
  REQUIRE(plain);
  CHECK(*plain == text.bytes);
  CHECK(offer.for_agent(false) == offer.plain);
  CHECK(offer.for_agent(true) == offer.zstd);
}

TEST_CASE("PushOffer: what compression does not shrink travels as it is", "[collector][ingest]") {
  const PushOffer offer =
      PushOffer::make(wire::PushKind::rule_pack, PushContent{1, random_bytes(100'000)});
  CHECK(offer.zstd == offer.plain);
}

TEST_CASE("PushOffer: without bytes there is nothing to push", "[collector][ingest]") {
  const PushOffer offer = PushOffer::make(wire::PushKind::policy, PushContent{3, ""});
  CHECK(offer.version == 3);
  CHECK(offer.plain == nullptr);
}

TEST_CASE("PushImage: a push goes on only behind a part of the very same bytes",
          "[collector][ingest]") {
  const std::string whole = random_bytes(3 * kPushPiece + 5);
  const PushImage image(wire::PushKind::rule_pack, 4, whole, 0);
  REQUIRE(image.pieces() == 4);
  wire::PushPart part{wire::PushKind::rule_pack, 4, 2 * kPushPiece, sha256_text(whole)};
  CHECK(image.first_missing(part) == 2);
  CHECK(image.first_missing(std::nullopt) == 0);
  SECTION("other bytes") {
    part.sha256[0] ^= 1;
  }
  SECTION("another version") {
    part.version = 5;
  }
  SECTION("another kind") {
    part.kind = wire::PushKind::policy;
  }
  SECTION("between two pieces") {
    part.received += 1;
  }
  SECTION("all of it") {
    part.received = whole.size();
  }
  SECTION("more than all") {
    part.received = 100 * kPushPiece;
  }
  CHECK(image.first_missing(part) == 0);
}

}  // namespace
}  // namespace gnomon
