// CryptoStream puts the pieces of QUIC's handshake stream back together.

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/parse/parse_error.h"
#include "core/byte_reader.h"
#include "core/result.h"

namespace gnomon {

// CryptoStream takes CRYPTO pieces in any order, with overlaps and repeats. What came first stays:
// a later piece that says something else about the same bytes changes nothing.
//
// It holds at most kMaxBytes, and as many separate runs as kMaxRuns: browsers shuffle a hello
// into up to a dozen pieces per packet.
class CryptoStream {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{16} * 1024;
  static constexpr std::size_t kMaxRuns = 128;

  // add takes a piece. `over_limit` when it reaches beyond what is held; nothing of it is kept.
  Result<Ok, ParseError> add(std::uint64_t offset, Bytes data);

  // prefix is what is known without a gap from the start. Good until the next add().
  Bytes prefix() const;

 private:
  struct Run {
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  void fill(std::size_t begin, Bytes data);

  std::vector<std::uint8_t> bytes_;
  std::vector<Run> runs_;  // sorted, apart from each other
};

}  // namespace gnomon
