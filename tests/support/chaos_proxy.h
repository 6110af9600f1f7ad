// ChaosProxy: a TCP relay that treats connections as a bad network does.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/net/host_port.h"

namespace boost::asio {
class io_context;
}

namespace gnomon::testing {

// ChaosOdds say what becomes of a connection, in percent; the rest passes untouched. Trouble comes
// some seconds after the connection or after some kilobytes, whichever the draw says.
struct ChaosOdds {
  unsigned cut = 0;        // reset at a byte that the draw picks, in the middle of a frame mostly
  unsigned half_open = 0;  // nothing passes any more in either direction, then it is reset
  unsigned slow = 0;       // passes at some hundred bytes a second
  unsigned deaf = 0;       // what the target answers is lost: acknowledgements, above all
  unsigned late = 0;       // the client is reset; what it had sent arrives after it has come back
};

// ChaosCounts is what was done so far.
struct ChaosCounts {
  std::uint64_t connections = 0;
  std::uint64_t cut = 0;
  std::uint64_t half_open = 0;
  std::uint64_t slow = 0;
  std::uint64_t deaf = 0;
  std::uint64_t late = 0;
};

// ChaosProxy relays connections to one address. All methods from any thread; the io_context must
// run on one thread only and outlive the proxy's last handler.
class ChaosProxy {
 public:
  ChaosProxy(boost::asio::io_context& io, HostPort target);
  ChaosProxy(const ChaosProxy&) = delete;
  ChaosProxy& operator=(const ChaosProxy&) = delete;
  ~ChaosProxy();

  std::uint16_t port() const;

  // cut resets every connection under way; new ones pass.
  void cut();

  // cut_after resets each connection once it has relayed so many bytes towards the target, in the
  // middle of a frame as it happens. 0: never.
  void cut_after(std::size_t bytes);

  // trouble draws a fate for each new connection from now on, the same ones for the same seed.
  void trouble(ChaosOdds odds, std::uint64_t seed);

  ChaosCounts counts() const;

  void stop();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace gnomon::testing
