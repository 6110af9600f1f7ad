// Sight: the room that reads host names out of flights.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/flow/flight.h"
#include "agent/flow/flight_sink.h"
#include "agent/parse/tls/client_hello.h"
#include "agent/sight/answer_memory.h"
#include "agent/sight/dns_sight.h"
#include "agent/sight/hello_sight.h"
#include "agent/sight/http_sight.h"
#include "agent/sight/lru_table.h"
#include "agent/sight/outcome.h"
#include "agent/sight/quic_sight.h"
#include "agent/sight/sighting_sink.h"
#include "core/counters.h"

namespace gnomon {

// SightOptions are the knobs of the room; the limits bound its memory.
struct SightOptions {
  // Names that stand in the clear while ECH hides another; the rule pack knows more.
  std::vector<std::string> ech_public_names = {"cloudflare-ech.com"};
  std::size_t max_streams = 4096;  // TCP sides that are followed beyond their first flight
  AnswerMemory::Limits answers;
  QuicSight::Limits quic;
};

// Sight picks the parser by what the bytes are, not by port: TLS and HTTP on any TCP port, QUIC on
// any UDP port, in either direction; DNS on port 53. Inside an HTTP CONNECT tunnel, behind a
// SOCKS or PROXY greeting and after STARTTLS it looks again. mDNS and LLMNR are counted, nothing
// more.
//
// Every flight ends in exactly one outcome of `sight_flights_total`. `sink` and `counters` must
// outlive it. For the capture thread.
class Sight final : public FlightSink {
 public:
  Sight(const SightOptions& options, SightingSink& sink, Counters& counters);

  Appetite on_flight(const Flight& flight) override;
  void on_flow_end(FlowId flow) override;

 private:
  // Verdict is what one flight came to.
  struct Verdict {
    Protocol protocol = Protocol::none;
    Outcome outcome = Outcome::not_protocol;
    Appetite appetite{0, true};
  };

  // Stream is one side of a TCP flow that is followed beyond its first flight.
  struct Stream {
    enum class Kind : std::uint8_t { unknown, dns, http };

    Kind kind = Kind::unknown;
    std::uint8_t strange_flights = 0;  // flights that nobody knew
    std::uint32_t strange_bytes = 0;
    HttpConversation http;
  };

  // StreamId is flow and side in one number.
  using StreamId = std::uint64_t;

  Verdict see_datagram(const Flight& flight);
  Verdict see_stream(const Flight& flight);
  Verdict pick(const Flight& flight);
  Verdict see_dns_stream(const Flight& flight, bool first);
  Verdict see_hello(const Flight& flight);
  Verdict see_http(const Flight& flight, Stream& stream);
  Verdict see_strange(const Flight& flight);
  Stream& stream_of(const Flight& flight);
  static StreamId stream_id(FlowId flow, Side side) {
    return flow * 2 + (side == Side::server ? 1 : 0);
  }

  AnswerMemory answers_;
  HelloSight hellos_;
  DnsSight dns_;
  QuicSight quic_;
  HttpSight http_;
  OutcomeCounters outcomes_;
  Counter& evicted_streams_;
  LruTable<StreamId, Stream> streams_;
  // Where a hello that was spread over several TLS records is put together.
  std::array<std::uint8_t, tls::kMaxHelloBytes + 4> scratch_{};
};

}  // namespace gnomon
