#include "agent/batch_cutter.h"

#include "tests/support/catch.h"

namespace gnomon {
namespace {

constexpr WallTime kStart{std::chrono::seconds{1'800'000'000}};

Contact contact_at(WallTime when) {
  Contact contact;
  contact.tool = "trello";
  contact.first = when;
  contact.last = when;
  return contact;
}

TEST_CASE("BatchCutter: contacts wait for company, and not for long", "[agent][pipeline]") {
  BatchCutter cutter;
  CHECK_FALSE(cutter.cut(kStart));
  cutter.on_contact(contact_at(kStart));
  CHECK_FALSE(cutter.cut(kStart));
  cutter.on_contact(contact_at(kStart + std::chrono::milliseconds{500}));
  CHECK_FALSE(cutter.cut(kStart + std::chrono::milliseconds{999}));
  const auto parcel = cutter.cut(kStart + BatchCutter::kPatience);
  REQUIRE(parcel);
  CHECK(parcel->contacts.size() == 2);
  CHECK(cutter.empty());
  CHECK_FALSE(cutter.cut(kStart + std::chrono::seconds{60}));
}

TEST_CASE("BatchCutter: a full batch leaves at once, and none is larger", "[agent][pipeline]") {
  BatchCutter cutter;
  const std::size_t count = 2 * BatchCutter::kMaxContacts + 7;
  for (std::size_t i = 0; i < count; ++i) {
    cutter.on_contact(contact_at(kStart + std::chrono::milliseconds{i}));
  }
  std::vector<std::size_t> sizes;
  while (const auto parcel = cutter.cut(kStart)) {
    sizes.push_back(parcel->contacts.size());
  }
  CHECK(sizes == std::vector<std::size_t>{BatchCutter::kMaxContacts, BatchCutter::kMaxContacts});
  const auto rest = cutter.cut_all();
  REQUIRE(rest);
  CHECK(rest->contacts.size() == 7);
  CHECK_FALSE(cutter.cut_all());
}

TEST_CASE("BatchCutter: the same contacts at the same times give the same parcels",
          "[agent][pipeline]") {
  const auto run = [] {
    BatchCutter cutter;
    std::vector<std::vector<Contact>> parcels;
    for (int i = 0; i < 5000; ++i) {
      const WallTime now = kStart + std::chrono::milliseconds{i * 37};
      if (i % 3 != 0) {
        cutter.on_contact(contact_at(now));
      }
      while (auto parcel = cutter.cut(now)) {
        parcels.push_back(std::move(parcel->contacts));
      }
    }
    while (auto parcel = cutter.cut_all()) {
      parcels.push_back(std::move(parcel->contacts));
    }
    return parcels;
  };
  CHECK(run() == run());
}

TEST_CASE("BatchCutter: a parcel that came back goes first", "[agent][pipeline]") {
  BatchCutter cutter;
  cutter.on_contact(contact_at(kStart));
  auto parcel = cutter.cut_all();
  REQUIRE(parcel);
  cutter.on_contact(contact_at(kStart + std::chrono::seconds{1}));
  cutter.put_back(std::move(*parcel));
  const auto again = cutter.cut_all();
  REQUIRE(again);
  REQUIRE(again->contacts.size() == 2);
  CHECK(again->contacts[0].first == kStart);
}

TEST_CASE("BatchCutter: what finds no room is counted, never silent", "[agent][pipeline]") {
  BatchCutter cutter;
  for (std::size_t i = 0; i < BatchCutter::kMaxWaiting + 3; ++i) {
    cutter.on_contact(contact_at(kStart + std::chrono::seconds{i}));
  }
  const auto parcel = cutter.cut(kStart);
  REQUIRE(parcel);
  CHECK(parcel->lost == 3);
  CHECK(parcel->lost_from == kStart + std::chrono::seconds{BatchCutter::kMaxWaiting});
  CHECK(parcel->lost_to == kStart + std::chrono::seconds{BatchCutter::kMaxWaiting + 2});
  CHECK(cutter.cut(kStart)->lost == 0);
}

}  // namespace
}  // namespace gnomon
