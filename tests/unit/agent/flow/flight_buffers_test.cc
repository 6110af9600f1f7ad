#include "agent/flow/flight_buffers.h"

#include <algorithm>
#include <optional>
#include <random>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/packet_builder.h"

namespace gnomon {

TEST_CASE("FlightBuffers: placing, dropping and pushing agree with a simple model",
          "[agent][flow]") {
  std::mt19937 random{11};
  FlightBuffers buffers{2, 2};
  for (int round = 0; round < 300; ++round) {
    CAPTURE(round);
    const bool large = round % 2 == 0;
    auto handle = buffers.acquire(large ? kMaxFlightBytes : 1, 9, {});
    REQUIRE(handle != FlightBuffers::kNone);
    std::vector<std::optional<std::uint8_t>> model;
    for (int step = 0; step < 60; ++step) {
      const std::size_t capacity = buffers.capacity(handle);
      const unsigned what = random() % 8;
      if (what < 6) {
        const std::size_t at = random() % capacity;
        const std::size_t size = 1 + random() % std::min<std::size_t>(capacity - at, 900);
        testing::Buffer run(size);
        std::generate(run.begin(), run.end(), [&] { return static_cast<std::uint8_t>(random()); });
        buffers.place(handle, at, run, {});
        model.resize(std::max(model.size(), at + size));
        for (std::size_t i = 0; i < size; ++i) {
          if (!model[at + i]) {
            model[at + i] = run[i];
          }
        }
      } else if (what == 6) {
        const std::size_t count = random() % (model.size() + 1);
        buffers.drop_front(handle, count);
        model.erase(model.begin(), model.begin() + static_cast<std::ptrdiff_t>(count));
      } else if (model.size() < capacity) {
        const std::size_t count = random() % std::min<std::size_t>(capacity - model.size(), 70);
        buffers.push_front(handle, count);
        model.insert(model.begin(), count, std::nullopt);
      }
      const auto gap = std::find(model.begin(), model.end(), std::nullopt);
      const auto filled = static_cast<std::size_t>(gap - model.begin());
      REQUIRE(buffers.high(handle) == model.size());
      REQUIRE(buffers.filled(handle) == filled);
      const Bytes view = buffers.view(handle);
      REQUIRE(std::equal(view.begin(), view.end(), model.begin(), gap,
                         [](std::uint8_t a, const auto& b) { return a == *b; }));
      const auto behind =
          std::find_if(gap, model.end(), [](const auto& b) { return b.has_value(); });
      REQUIRE(buffers.behind_gap(handle) == static_cast<std::size_t>(behind - model.begin()));
    }
    buffers.release(handle);
  }
  CHECK(buffers.in_use() == 0);
}

TEST_CASE("FlightBuffers: a buffer that was let go with holes comes back empty", "[agent][flow]") {
  FlightBuffers buffers{1, 1};
  const testing::Buffer run(100, 0x5a);
  const auto first = buffers.acquire(1, 0, {});
  buffers.place(first, 50, run, {});
  buffers.release(first);
  const auto second = buffers.acquire(1, 0, {});
  buffers.place(second, 200, run, {});
  CHECK(buffers.behind_gap(second) == 200);
  CHECK(buffers.filled(second) == 0);
}

TEST_CASE("FlightBuffers: growing keeps bytes and holes", "[agent][flow]") {
  FlightBuffers buffers{1, 1};
  const testing::Buffer run(100, 0x5a);
  const auto small = buffers.acquire(1, 0, {});
  buffers.place(small, 50, run, {});
  const auto large = buffers.acquire(kMaxFlightBytes, 0, {});
  buffers.grow(small, large);
  buffers.place(large, 0, Bytes{run}.first(50), {});
  CHECK(buffers.filled(large) == 150);
  CHECK(buffers.in_use() == 1);
}

TEST_CASE("FlightBuffers: the oldest is the one not touched for longest", "[agent][flow]") {
  FlightBuffers buffers{3, 1};
  const testing::Buffer run(4, 1);
  const auto a = buffers.acquire(1, 0, {});
  const auto b = buffers.acquire(1, 1, {});
  const auto c = buffers.acquire(1, 2, {});
  CHECK(buffers.acquire(1, 3, {}) == FlightBuffers::kNone);
  CHECK(buffers.oldest(1) == a);
  buffers.place(a, 0, run, {});
  CHECK(buffers.oldest(1) == b);
  buffers.age(c);
  CHECK(buffers.oldest(1) == c);
}

}  // namespace gnomon
