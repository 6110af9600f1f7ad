// What every MetaStore must do, in the words of its header.

#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "collector/storage/meta_store.h"
#include "tests/support/catch.h"

namespace gnomon::testing {

inline std::vector<std::string> keys_below(const MetaStore& store, std::string_view prefix) {
  std::vector<std::string> keys;
  REQUIRE(store.scan(prefix, [&](std::string_view key, std::string_view /*value*/) {
    keys.emplace_back(key);
    return true;
  }));
  return keys;
}

// check_meta_store expects an empty store.
inline void check_meta_store(MetaStore& store) {
  const std::string odd{"\0\xff\n", 3};
  REQUIRE(*store.get("a") == std::nullopt);
  REQUIRE(store.apply({{"a/1", "one"}, {"a/2", odd}, {"b", ""}}));
  CHECK(*store.get("a/1") == "one");
  CHECK(*store.get("a/2") == odd);
  CHECK(*store.get("b") == "");
  CHECK(*store.get("a/") == std::nullopt);

  // A later change of the same call wins, and removing what is absent is fine.
  REQUIRE(store.apply({{"a/1", "two"}, {"a/1", "three"}, {"none", std::nullopt}}));
  CHECK(*store.get("a/1") == "three");

  // Compare, and change all or nothing.
  CHECK_FALSE(*store.compare_and_apply("a/1", "one", {{"c", "no"}}));
  CHECK_FALSE(*store.compare_and_apply("a/1", std::nullopt, {{"c", "no"}}));
  CHECK_FALSE(*store.compare_and_apply("absent", "x", {{"c", "no"}}));
  CHECK(*store.get("c") == std::nullopt);
  CHECK(*store.compare_and_apply("a/1", "three", {{"a/1", std::nullopt}, {"c", "yes"}}));
  CHECK(*store.get("a/1") == std::nullopt);
  CHECK(*store.get("c") == "yes");
  CHECK(*store.compare_and_apply("absent", std::nullopt, {{"absent", "now there"}}));

  // Scanning: only the prefix, in byte order, until told to stop.
  const std::string last = std::string{"z"} + '\xff';
  REQUIRE(store.apply({{"p/b", "2"}, {"p/a", "1"}, {"p0", "x"}, {last, "end"}, {"p/\xff", "3"}}));
  CHECK(keys_below(store, "p/") == std::vector<std::string>{"p/a", "p/b", "p/\xff"});
  CHECK(keys_below(store, last) == std::vector<std::string>{last});
  CHECK(keys_below(store, "q").empty());
  CHECK(keys_below(store, "").size() == 9);
  int visited = 0;
  REQUIRE(store.scan("p/", [&](std::string_view, std::string_view) { return ++visited < 2; }));
  CHECK(visited == 2);

  // One-time tokens: of many that compare at once, one wins.
  REQUIRE(store.apply({{"token", "fresh"}}));
  std::atomic<int> winners{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto won = store.compare_and_apply("token", "fresh", {{"token", "used"}});
      winners += won && *won ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK(winners == 1);
}

}  // namespace gnomon::testing
