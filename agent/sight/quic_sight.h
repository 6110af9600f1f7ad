// QuicSight opens the client's Initial packets and finds the ClientHello in them.

#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "agent/flow/flight.h"
#include "agent/parse/quic/initial.h"
#include "agent/parse/quic/packet.h"
#include "agent/sight/crypto_stream.h"
#include "agent/sight/hello_sight.h"
#include "agent/sight/lru_table.h"

namespace gnomon {

// QuicSight holds, for each flow whose hello is not whole yet, keys and the pieces of the hello;
// and for flows that are done, just enough to know their later packets again. Both tables are
// bounded, and something enters them only once a packet was opened, so noise cannot push anything
// out. `hellos` must outlive it.
class QuicSight {
 public:
  struct Limits {
    std::size_t pending = 256;  // times CryptoStream::kMaxBytes: 4 MiB at worst
    std::size_t done = 4096;    // about 100 bytes each
  };

  QuicSight(Limits limits, HelloSight& hellos, Counters& counters);

  // report judges one datagram that begins with a long header.
  Outcome report(const Flight& flight);

  void forget(FlowId flow);

 private:
  struct ConnectionId {
    std::array<std::uint8_t, quic::kMaxConnectionIdBytes> bytes{};
    std::size_t size = 0;

    void assign(Bytes id);
    bool equals(Bytes id) const;
  };

  // Chosen is who began: version and connection id that the keys follow from.
  struct Chosen {
    std::uint32_t version = 0;
    ConnectionId id;
  };
  struct Pending {
    Chosen chosen;
    quic::InitialKeys keys;
    Side client = Side::client;  // which side of the flow the hello comes from
    CryptoStream hello;
  };
  struct Done {
    Chosen chosen;
    Side client = Side::client;
    ConnectionId server_id;  // what the server wants to be called, once it was seen
    bool has_server_id = false;
  };

  Outcome report_packet(const Flight& flight, const quic::PacketView& packet);
  Outcome report_done(const Flight& flight, const quic::PacketView& packet, Done& done);
  Outcome begin(const Flight& flight, const quic::PacketView& packet);
  Outcome gather(const Flight& flight, Pending& pending, Bytes payload);
  void finish(FlowId flow, const Pending& pending);

  HelloSight& hellos_;
  quic::InitialOpener opener_;
  LruTable<FlowId, Pending> pending_;
  LruTable<FlowId, Done> done_;
  Counter& evicted_pending_;
  Counter& evicted_done_;
  Counter& unopened_;
};

}  // namespace gnomon
