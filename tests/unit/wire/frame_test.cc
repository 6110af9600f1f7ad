#include "core/wire/frame.h"

#include <string>

#include "core/file.h"
#include "tests/support/catch.h"

namespace gnomon::wire {
namespace {

TEST_CASE("Frame: the header says how many bytes follow", "[core][wire]") {
  const std::string frame = framed("hello");
  REQUIRE(frame == std::string("\0\0\0\5hello", 9));
  const auto length = frame_length(bytes_of(frame).first(kFrameHeaderBytes), 5);
  REQUIRE(length);
  CHECK(*length == 5);
}

TEST_CASE("Frame: a length over the limit is refused before anything is allocated",
          "[core][wire]") {
  const std::string huge = "\xff\xff\xff\xff";
  CHECK(frame_length(bytes_of(huge), kMaxFrameBytes).error() == WireError::over_limit);
  const std::string six("\0\0\0\6", 4);
  CHECK(frame_length(bytes_of(six), 5).error() == WireError::over_limit);
  CHECK(*frame_length(bytes_of(six), 6) == 6);
}

TEST_CASE("Frame: an empty frame is malformed and a short header truncated", "[core][wire]") {
  const std::string zero("\0\0\0\0", 4);
  CHECK(frame_length(bytes_of(zero), 100).error() == WireError::malformed);
  for (std::size_t size = 0; size < kFrameHeaderBytes; ++size) {
    CHECK(frame_length(bytes_of(zero).first(size), 100).error() == WireError::truncated);
  }
}

}  // namespace
}  // namespace gnomon::wire
