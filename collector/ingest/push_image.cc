#include "collector/ingest/push_image.h"

#include <algorithm>

#include "core/net/crypto.h"
#include "core/sha256.h"
#include "core/wire/batch.h"

namespace gnomon {

PushImage::PushImage(wire::PushKind kind, std::uint32_t version, const std::string& whole,
                     std::size_t plain_bytes)
    : kind_(kind), version_(version), bytes_(whole.size()), sha256_(sha256_text(whole)) {
  for (std::size_t offset = 0; offset < whole.size(); offset += kPushPiece) {
    wire::Push piece;
    piece.kind = kind;
    piece.version = version;
    piece.total_bytes = whole.size();
    piece.offset = offset;
    piece.piece = whole.substr(offset, kPushPiece);
    piece.sha256 = sha256_;
    piece.plain_bytes = plain_bytes;
    frames_.push_back(std::make_shared<const std::string>(wire::encode_frame(piece)));
  }
}

std::size_t PushImage::first_missing(const std::optional<wire::PushPart>& part) const {
  if (!part || part->kind != kind_ || part->version != version_ || part->sha256 != sha256_ ||
      part->received >= bytes_ || part->received % kPushPiece != 0) {
    return 0;
  }
  return static_cast<std::size_t>(part->received) / kPushPiece;
}

PushOffer PushOffer::make(wire::PushKind kind, const PushContent& content) {
  PushOffer offer;
  offer.version = content.version;
  if (content.bytes.empty()) {
    return offer;
  }
  offer.plain = std::make_shared<const PushImage>(kind, content.version, content.bytes, 0);
  const std::string packed = wire::compress(content.bytes);
  offer.zstd =
      packed.size() < content.bytes.size()
          ? std::make_shared<const PushImage>(kind, content.version, packed, content.bytes.size())
          : offer.plain;
  return offer;
}

}  // namespace gnomon
