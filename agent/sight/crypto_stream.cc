#include "agent/sight/crypto_stream.h"

#include <algorithm>

namespace gnomon {

Result<Ok, ParseError> CryptoStream::add(std::uint64_t offset, Bytes data) {
  if (offset > kMaxBytes || data.size() > kMaxBytes - offset) {
    return Failure{ParseError::over_limit};
  }
  if (data.empty()) {
    return Ok{};
  }
  const std::size_t begin = offset;
  const std::size_t end = begin + data.size();
  // The runs that the piece touches or abuts become one with it:
  //
  //   before   [0---4)      [9--12)  [15-)     piece [3------10)
  //   after    [0-----------------12) [15-)
  const auto first = std::find_if(runs_.begin(), runs_.end(),
                                  [begin](const Run& run) { return run.end >= begin; });
  const auto last =
      std::find_if(first, runs_.end(), [end](const Run& run) { return run.begin > end; });
  if (first == last && runs_.size() >= kMaxRuns) {
    return Failure{ParseError::over_limit};
  }
  if (bytes_.size() < end) {
    bytes_.resize(end);
  }
  // Only the gaps between those runs are written: what came first stays.
  std::size_t at = begin;
  for (auto run = first; run != last; ++run) {
    if (run->begin > at) {
      fill(at, data.subspan(at - begin, run->begin - at));
    }
    at = std::max(at, run->end);
  }
  if (at < end) {
    fill(at, data.subspan(at - begin));
  }

  if (first == last) {
    runs_.insert(first, Run{begin, end});
  } else {
    first->begin = std::min(first->begin, begin);
    first->end = std::max(std::prev(last)->end, end);
    runs_.erase(std::next(first), last);
  }
  return Ok{};
}

void CryptoStream::fill(std::size_t begin, Bytes data) {
  std::copy(data.begin(), data.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin));
}

Bytes CryptoStream::prefix() const {
  if (runs_.empty() || runs_.front().begin != 0) {
    return {};
  }
  return Bytes{bytes_}.first(runs_.front().end);
}

}  // namespace gnomon
