// Counters: named numbers, rendered as text for scraping.

#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace gnomon {

// Counter only grows. Adding from any thread is one relaxed atomic add.
class Counter {
 public:
  void add(std::uint64_t amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }

  // add_alone is add() for a counter that one thread alone ever adds to: it needs no locked
  // instruction, which is most of what the packet path would pay for counting.
  void add_alone(std::uint64_t amount = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }

  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Gauge goes up and down.
class Gauge {
 public:
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(std::int64_t amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

using Label = std::pair<std::string_view, std::string_view>;

// Counters owns every counter and gauge of a process. What it hands out lives as long as it does;
// take the reference once, outside the hot path. Labels are reasons and kinds from our own code,
// never names seen on the wire. Safe from every thread.
class Counters {
 public:
  Counters() = default;
  Counters(const Counters&) = delete;
  Counters& operator=(const Counters&) = delete;
  ~Counters() = default;

  // counter finds or makes `<name>{labels}`; `help` is kept from the first call for a name.
  Counter& counter(std::string_view name, std::string_view help = {},
                   std::initializer_list<Label> labels = {});
  Gauge& gauge(std::string_view name, std::string_view help = {},
               std::initializer_list<Label> labels = {});

  // render gives all of them in the Prometheus text format (version 0.0.4), sorted by name.
  std::string render() const;

  // value reads one series by its rendered name, `a_total{reason="x"}`; 0 when there is none.
  std::int64_t value(std::string_view series) const;

 private:
  struct Series {
    std::string name;    // without labels
    std::string labels;  // rendered: `{reason="x"}` or empty
    std::string help;
    bool is_gauge = false;
    Counter counter;
    Gauge gauge;
  };

  Series& find_or_make(std::string_view name, std::string_view help,
                       std::initializer_list<Label> labels, bool is_gauge);

  mutable std::mutex mutex_;
  // Guarded by mutex_. A deque never moves its elements, so references stay good.
  std::deque<Series> series_;
};

}  // namespace gnomon
