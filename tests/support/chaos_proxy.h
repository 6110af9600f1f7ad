// ChaosProxy: a TCP relay that cuts and stalls at will.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/net/host_port.h"

namespace boost::asio {
class io_context;
}

namespace gnomon::testing {

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

  void stop();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace gnomon::testing
