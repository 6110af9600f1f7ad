#include "agent/contact_queue.h"

#include <thread>

#include "tests/support/catch.h"

namespace gnomon {
namespace {

bool never() {
  return false;
}

Parcel parcel_of(std::uint64_t part) {
  Parcel parcel;
  parcel.part = part;
  parcel.contacts.resize(1);
  return parcel;
}

TEST_CASE("ContactQueue: parcels come out in the order they went in", "[agent][pipeline]") {
  ContactQueue queue{4};
  for (std::uint64_t part = 1; part <= 3; ++part) {
    CHECK(queue.put(parcel_of(part), never));
  }
  for (std::uint64_t part = 1; part <= 3; ++part) {
    CHECK(queue.take()->part == part);
  }
  CHECK_FALSE(queue.take());
}

TEST_CASE("ContactQueue: when full, the parcel stays whole with who brought it",
          "[agent][pipeline]") {
  ContactQueue queue{1};
  Parcel first = parcel_of(1);
  Parcel second = parcel_of(2);
  CHECK(queue.try_put(first));
  CHECK_FALSE(queue.try_put(second));
  CHECK(second.contacts.size() == 1);
  REQUIRE(queue.take());
  CHECK(queue.try_put(second));
}

TEST_CASE("ContactQueue: closing frees who waits, and keeps what is inside", "[agent][pipeline]") {
  ContactQueue queue{1};
  REQUIRE(queue.put(parcel_of(1), never));
  bool accepted = true;
  {
    const std::jthread waiting{[&] { accepted = queue.put(parcel_of(2), never); }};
    queue.close();
  }
  CHECK_FALSE(accepted);
  CHECK(queue.take()->part == 1);
  CHECK_FALSE(queue.put(parcel_of(3), never));
}

TEST_CASE("ContactQueue: who waits for room may give up", "[agent][pipeline]") {
  ContactQueue queue{1};
  REQUIRE(queue.put(parcel_of(1), never));
  CHECK_FALSE(queue.put(parcel_of(2), [] { return true; }));
}

TEST_CASE("ContactQueue: two threads pass everything, once and in order", "[agent][pipeline]") {
  constexpr std::uint64_t kParcels = 5000;
  ContactQueue queue{8};
  const std::jthread putting{[&] {
    for (std::uint64_t part = 1; part <= kParcels; ++part) {
      static_cast<void>(queue.put(parcel_of(part), never));
    }
  }};
  std::uint64_t expected = 1;
  bool in_order = true;
  while (expected <= kParcels) {
    if (const auto parcel = queue.take()) {
      in_order = in_order && parcel->part == expected;
      ++expected;
    } else {
      std::this_thread::yield();
    }
  }
  CHECK(in_order);
}

}  // namespace
}  // namespace gnomon
