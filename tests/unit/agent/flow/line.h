// One TCP connection, segment by segment, into a flow table.

#pragma once

#include <cstdint>
#include <string>

#include "agent/flow/flow_table.h"
#include "core/counters.h"
#include "tests/support/packet_builder.h"
#include "tests/unit/agent/flow/flight_recorder.h"

namespace gnomon::testing {

// hello is a message that begins like a TLS ClientHello and then counts, so that every byte has its
// place.
inline std::string hello(std::size_t size) {
  std::string text{"\x16\x03\x01\x07\x00\x01", 6};
  for (std::size_t i = text.size(); i < size; ++i) {
    text += static_cast<char>(i * 7 + i / 256);
  }
  return text;
}

// bulk gives bytes that begin like nothing we know.
inline std::string bulk(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += static_cast<char>(0x80 | (i * 11));
  }
  return text;
}

// Line feeds a table with segments of one connection between 10.0.0.1:50000 and 10.0.0.2:443.
class Line {
 public:
  explicit Line(FlowTable& table, FlightRecorder& recorder, std::uint16_t client_port = 50000)
      : table_(table), recorder_(recorder), client_port_(client_port) {}

  FlowOutcome client(std::uint32_t sequence, const std::string& text, std::uint8_t flags = 0,
                     double at = 0) {
    return send(true, sequence, text, flags, at);
  }
  FlowOutcome server(std::uint32_t sequence, const std::string& text, std::uint8_t flags = 0,
                     double at = 0) {
    return send(false, sequence, text, flags, at);
  }
  FlowOutcome syn(std::uint32_t sequence) { return client(sequence, "", TcpFlags::kSyn); }

  std::uint32_t missing = 0;

 private:
  FlowOutcome send(bool from_client, std::uint32_t sequence, const std::string& text,
                   std::uint8_t flags, double at) {
    payload_.assign(text.begin(), text.end());
    const Endpoint client{ipv4_address(1), client_port_};
    const Endpoint server{ipv4_address(2), 443};
    Datagram datagram;
    datagram.when = second(at);
    datagram.source = from_client ? client : server;
    datagram.destination = from_client ? server : client;
    datagram.transport = Transport::tcp;
    datagram.tcp_sequence = sequence;
    datagram.tcp_flags = flags;
    datagram.payload = payload_;
    datagram.missing = missing;
    return table_.add(datagram, recorder_);
  }

  FlowTable& table_;
  FlightRecorder& recorder_;
  std::uint16_t client_port_;
  Buffer payload_;
};

// LineBench is a table with one connection to feed it.
struct LineBench {
  explicit LineBench(const FlowLimits& limits = {}) : table(limits, counters) {}

  Counters counters;
  FlowTable table;
  FlightRecorder recorder;
  Line line{table, recorder};
};

// The sink of a side that has all it wanted, and of one that takes everything and waits for more.
inline Appetite enough(const Flight& flight) {
  return {flight.bytes.size(), true};
}
inline Appetite eats_all(const Flight& flight) {
  return {flight.bytes.size(), false};
}

}  // namespace gnomon::testing
