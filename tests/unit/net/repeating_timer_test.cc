#include "core/net/repeating_timer.h"

#include <chrono>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "tests/support/catch.h"

namespace gnomon {
namespace {

constexpr std::chrono::milliseconds kAtOnce{0};
constexpr std::chrono::hours kNever{24};

TEST_CASE("RepeatingTimer: calls again and again, until it is stopped from within", "[core][net]") {
  boost::asio::io_context io;
  int calls = 0;
  RepeatingTimer* self = nullptr;
  RepeatingTimer timer(io, kAtOnce, [&] {
    if (++calls == 3) {
      self->stop();
    }
  });
  self = &timer;
  timer.start();
  io.run();  // ends: nothing is armed any more
  CHECK(calls == 3);
  timer.start();
  io.restart();
  CHECK(io.run_one() == 1);
  CHECK(calls == 4);
}

TEST_CASE("RepeatingTimer: stopped, it calls no more, though its time has come", "[core][net]") {
  boost::asio::io_context io;
  int calls = 0;
  RepeatingTimer late(io, kAtOnce, [&] { ++calls; });
  RepeatingTimer* self = nullptr;
  RepeatingTimer early(io, kAtOnce, [&] {
    late.stop();
    self->stop();
  });
  self = &early;
  early.start();
  late.start();
  // Both are due before the context looks, so that the call of the second is queued by the time
  // the first one stops it.
  io.run();
  CHECK(calls == 0);
}

TEST_CASE("RepeatingTimer: a stop ends the wait, so that the thread can end", "[core][net]") {
  boost::asio::io_context io;
  int calls = 0;
  RepeatingTimer timer(io, kNever, [&] { ++calls; });
  timer.start();
  boost::asio::post(io, [&] { timer.stop(); });
  io.run();
  CHECK(calls == 0);
}

}  // namespace
}  // namespace gnomon
