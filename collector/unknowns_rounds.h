// UnknownsRounds: when tokens of unknown domains are counted, and when agents are asked.

#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "collector/ingest/ingest_server.h"
#include "collector/rollup/calendar.h"
#include "collector/unknowns/unknowns.h"

namespace boost::asio {
class io_context;
class thread_pool;
}  // namespace boost::asio

namespace gnomon {

// UnknownsRounds counts on the pool and has agents asked when there is something new to ask. All it
// is given must outlive it, and it the run of the io_context and the pool's last work.
class UnknownsRounds {
 public:
  // `ask` has every connected agent go to the door. It is called on the I/O thread and on the
  // pool's.
  UnknownsRounds(boost::asio::io_context& io, boost::asio::thread_pool& pool, Unknowns& unknowns,
                 std::function<void()> ask);
  UnknownsRounds(const UnknownsRounds&) = delete;
  UnknownsRounds& operator=(const UnknownsRounds&) = delete;
  ~UnknownsRounds();

  // touched gathers what many commits touch into one check. From every thread; does not block.
  void touched(const std::vector<TokenId>& tokens);

  // begin starts a round: a new quarter has a new key, whoever did not answer is not waited for,
  // and whom nobody counted in the meantime is counted now. I/O thread.
  void begin();

  // door is what sessions with agents go to.
  UnknownsDoor door();

  // stop begins no further check. I/O thread.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gnomon
