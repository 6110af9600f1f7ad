// PushImage: a rule pack or policy as it travels to agents.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/net/link.h"
#include "core/wire/messages.h"

namespace gnomon {

// PushContent is a rule pack or policy for agents. Immutable once offered.
struct PushContent {
  std::uint32_t version = 0;
  std::string bytes;  // at most wire::kMaxPushBytes
};

// kPushPiece is what a connection writes between two acknowledgements: 64 KiB cross a line of
// 10 Mbit/s in 50 ms.
constexpr std::size_t kPushPiece = std::size_t{64} << 10;

// PushImage holds the frames of one push, encoded once and written by every connection from the
// same memory. Immutable.
class PushImage {
 public:
  // `plain_bytes` is the size before compression, 0 when `whole` is not compressed.
  PushImage(wire::PushKind kind, std::uint32_t version, const std::string& whole,
            std::size_t plain_bytes);

  std::size_t pieces() const { return frames_.size(); }
  const SharedFrame& piece(std::size_t index) const { return frames_.at(index); }
  std::size_t bytes() const { return bytes_; }

  // first_missing is the piece to begin with for an agent that holds `part` of a push: 0 unless it
  // is a part of this very one.
  std::size_t first_missing(const std::optional<wire::PushPart>& part) const;

 private:
  wire::PushKind kind_;
  std::uint32_t version_;
  std::size_t bytes_;
  std::string sha256_;
  std::vector<SharedFrame> frames_;
};

// PushOffer is the newest of one kind, in the two forms in which agents may want it.
struct PushOffer {
  std::uint32_t version = 0;
  std::shared_ptr<const PushImage> plain;
  std::shared_ptr<const PushImage> zstd;  // the same as `plain` when compression gains nothing

  // make compresses and hashes: some tens of milliseconds for the catalogue. Content without bytes
  // makes an offer without images: a version to tell of, and nothing to push.
  static PushOffer make(wire::PushKind kind, const PushContent& content);

  const std::shared_ptr<const PushImage>& for_agent(bool takes_zstd) const {
    return takes_zstd ? zstd : plain;
  }
};

}  // namespace gnomon
