// Flight: what the flow room yields, the first bytes of one direction in order.

#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/decode/datagram.h"

namespace gnomon {

// FlowId is unique within a run of the agent and never reused.
using FlowId = std::uint64_t;

enum class Side : std::uint8_t { client, server };

// Flight is borrowed from the flow table, good during the call that hands it over.
//
// TCP: `bytes` are the bytes of one side, in order and without gaps, from where the last call
// said it had consumed; more bytes may follow in a later call with the same start. UDP: one call
// per datagram, `bytes` its payload.
struct Flight {
  FlowId flow = 0;
  WallTime first;  // when the first byte of `bytes` was seen
  WallTime when;   // when the last byte of `bytes` was seen
  Endpoint client;
  Endpoint server;
  Transport transport = Transport::udp;
  Side side = Side::client;  // who sent the bytes
  bool from_start = true;    // false when the flow was joined in the middle (no SYN seen)
  bool tunnelled = false;
  Bytes bytes;
};

// Appetite is what the sight room answers to a TCP flight (UDP ignores it).
struct Appetite {
  std::size_t consumed = 0;  // bytes not needed again
  bool enough = false;       // true: nothing more is wanted from this side of this flow
};

}  // namespace gnomon
