// Attributor: whose socket is it? One implementation a system; unknown is an honest answer.

#pragma once

#include "agent/decode/datagram.h"
#include "agent/sight/sighting.h"
#include "core/clock.h"
#include "core/ip_address.h"

namespace gnomon {

// Attributor names the user and the program behind a flow of this machine. Called on the capture
// thread with the first bytes of a flow, while its socket is still open.
class Attributor {
 public:
  Attributor() = default;
  Attributor(const Attributor&) = delete;
  Attributor& operator=(const Attributor&) = delete;
  virtual ~Attributor() = default;

  // owner_of yields what the system tells about the socket with these ends, which a packet seen at
  // `when` belongs to. Every field of the Process may be unknown, and all of them are when the
  // socket is gone or not of this machine.
  virtual Process owner_of(Transport transport, const Endpoint& local, const Endpoint& remote,
                           WallTime when) = 0;
};

}  // namespace gnomon
