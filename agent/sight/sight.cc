#include "agent/sight/sight.h"

#include "agent/flow/message_start.h"
#include "agent/parse/http/request.h"
#include "agent/parse/quic/packet.h"
#include "agent/parse/tls/record.h"

namespace gnomon {

namespace {

constexpr std::uint16_t kDnsPort = 53;
constexpr std::uint16_t kMdnsPort = 5353;   // RFC 6762
constexpr std::uint16_t kLlmnrPort = 5355;  // RFC 4795

// What is given to a stream that nobody knows before it is let go. It covers the greetings that
// come before TLS or HTTP on the same connection: SOCKS, PROXY, STARTTLS of mail and databases;
// and flows that were joined in the middle of a message.
constexpr std::uint8_t kMaxStrangeFlights = 12;
constexpr std::uint32_t kMaxStrangeBytes = 4096;

// kHelloSignBytes are what tls::looks_like_hello() needs to be sure.
constexpr std::size_t kHelloSignBytes = 6;

// kMaxFramedBytes bounds a DNS message over TCP that is waited for: what the flow room holds.
constexpr std::size_t kMaxFramedBytes = std::size_t{16} * 1024 - 2;

bool on_port(const Flight& flight, std::uint16_t port) {
  return flight.server.port == port || flight.client.port == port;
}

constexpr Appetite kMore{0, false};

Outcome outcome_of(ParseError error) {
  switch (error) {
    case ParseError::truncated:
      return Outcome::waiting;
    case ParseError::not_protocol:
      return Outcome::not_protocol;
    case ParseError::over_limit:
      return Outcome::over_limit;
    case ParseError::malformed:
      break;
  }
  return Outcome::malformed;
}

}  // namespace

Sight::Sight(const SightOptions& options, SightingSink& sink, Counters& counters)
    : answers_(options.answers, options.ech_public_names, counters),
      hellos_(sink, answers_, counters),
      dns_(sink, answers_, counters),
      quic_(options.quic, hellos_, counters),
      http_(sink),
      outcomes_(counters),
      evicted_streams_(counters.counter("sight_evicted_total",
                                        "Entries that had to go because a table was full.",
                                        {{"table", "streams"}})),
      streams_(options.max_streams) {}

Appetite Sight::on_flight(const Flight& flight) {
  const Verdict verdict =
      flight.transport == Transport::udp ? see_datagram(flight) : see_stream(flight);
  outcomes_.count(verdict.protocol, verdict.outcome);
  return verdict.appetite;
}

void Sight::on_flow_end(FlowId flow) {
  streams_.erase(stream_id(flow, Side::client));
  streams_.erase(stream_id(flow, Side::server));
  quic_.forget(flow);
}

Sight::Verdict Sight::see_datagram(const Flight& flight) {
  if (on_port(flight, kDnsPort)) {
    return {Protocol::dns, dns_.report(flight, flight.bytes), {}};
  }
  if (is_gquic(flight.bytes)) {
    return {Protocol::gquic, Outcome::ignored, {}};
  }
  if (is_dtls_hello(flight.bytes)) {
    return {Protocol::dtls, Outcome::ignored, {}};
  }
  if (quic::has_long_header(flight.bytes)) {
    const Outcome outcome = quic_.report(flight);
    if (outcome != Outcome::not_protocol) {
      return {Protocol::quic, outcome, {}};
    }
  }
  if (on_port(flight, kMdnsPort)) {
    return {Protocol::mdns, Outcome::ignored, {}};
  }
  if (on_port(flight, kLlmnrPort)) {
    return {Protocol::llmnr, Outcome::ignored, {}};
  }
  return {};
}

Sight::Stream& Sight::stream_of(const Flight& flight) {
  bool evicted = false;
  Stream& stream = streams_.find_or_make(stream_id(flight.flow, flight.side), evicted);
  evicted_streams_.add_alone(evicted ? 1 : 0);
  return stream;
}

Sight::Verdict Sight::see_stream(const Flight& flight) {
  if (flight.bytes.empty()) {
    return {Protocol::none, Outcome::waiting, kMore};
  }
  const StreamId id = stream_id(flight.flow, flight.side);
  Stream* stream = streams_.empty() ? nullptr : streams_.find(id);
  Verdict verdict;
  if (stream == nullptr || stream->kind == Stream::Kind::unknown) {
    verdict = pick(flight);
  } else if (stream->kind == Stream::Kind::dns) {
    verdict = see_dns_stream(flight, false);
  } else {
    verdict = see_http(flight, *stream);
  }
  if (verdict.appetite.enough) {
    streams_.erase(id);
  }
  return verdict;
}

Sight::Verdict Sight::pick(const Flight& flight) {
  const bool on_dns_port = on_port(flight, kDnsPort);
  // On port 53 two bytes 16 03 may also be the length of a message; six bytes decide.
  if (tls::looks_like_hello(flight.bytes) &&
      (!on_dns_port || flight.bytes.size() >= kHelloSignBytes)) {
    return see_hello(flight);
  }
  if (on_dns_port) {
    const Verdict verdict = see_dns_stream(flight, true);
    if (verdict.outcome != Outcome::not_protocol && verdict.outcome != Outcome::over_limit) {
      return verdict;
    }
  }
  if (http::looks_like_request(flight.bytes)) {
    // A new stream gets its place in the table only when its first line is whole: half a method
    // may still turn out to be anything.
    if (!http::next_line(flight.bytes) && flight.bytes.size() < http::kMaxLineBytes) {
      return {Protocol::http, Outcome::waiting, kMore};
    }
    Stream& stream = stream_of(flight);
    stream.kind = Stream::Kind::http;
    const Verdict verdict = see_http(flight, stream);
    if (verdict.outcome != Outcome::not_protocol) {
      return verdict;
    }
    stream.kind = Stream::Kind::unknown;
  }
  return see_strange(flight);
}

Sight::Verdict Sight::see_strange(const Flight& flight) {
  if (tls::looks_like_record(flight.bytes)) {
    return {Protocol::tls, Outcome::continued, {flight.bytes.size(), true}};
  }
  if (flight.side == Side::server && flight.from_start) {
    return {};  // the server's half of something: nothing of interest comes behind it
  }
  Stream& stream = stream_of(flight);
  ++stream.strange_flights;
  const std::size_t left = kMaxStrangeBytes - stream.strange_bytes;
  const bool enough = stream.strange_flights >= kMaxStrangeFlights || flight.bytes.size() >= left;
  if (!enough) {
    stream.strange_bytes += static_cast<std::uint32_t>(flight.bytes.size());
  }
  return {Protocol::none, Outcome::not_protocol, {flight.bytes.size(), enough}};
}

Sight::Verdict Sight::see_dns_stream(const Flight& flight, bool first) {
  Verdict verdict{Protocol::dns, Outcome::waiting, kMore};
  const auto end_with = [&verdict](Outcome outcome) {
    if (verdict.outcome != Outcome::sighted) {
      verdict.outcome = outcome;
    }
    verdict.appetite.enough = true;
    return verdict;
  };
  while (verdict.appetite.consumed < flight.bytes.size()) {
    const Bytes rest = flight.bytes.subspan(verdict.appetite.consumed);
    const auto framed = dns::parse_framed(rest);
    if (!framed) {
      if (framed.error() != ParseError::truncated) {
        return end_with(first ? Outcome::not_protocol : Outcome::malformed);
      }
      if (ByteReader{rest}.u16() > kMaxFramedBytes) {
        return end_with(Outcome::over_limit);
      }
      break;
    }
    const Outcome outcome = dns_.report(flight, framed->message);
    if (first && (outcome == Outcome::not_protocol || outcome == Outcome::malformed)) {
      return end_with(Outcome::not_protocol);
    }
    first = false;
    if (verdict.outcome != Outcome::sighted) {
      verdict.outcome = outcome;
    }
    verdict.appetite.consumed += framed->consumed;
    stream_of(flight).kind = Stream::Kind::dns;
  }
  return verdict;
}

Sight::Verdict Sight::see_hello(const Flight& flight) {
  const auto handshake = tls::first_handshake(flight.bytes, scratch_);
  if (!handshake) {
    const Outcome outcome = outcome_of(handshake.error());
    return {Protocol::tls, outcome, {0, outcome != Outcome::waiting}};
  }
  const auto hello = tls::parse_client_hello(handshake->message);
  if (!hello) {
    return {Protocol::tls, outcome_of(hello.error()), {handshake->consumed, true}};
  }
  return {Protocol::tls, hellos_.report(flight, *hello, Source::tls), {handshake->consumed, true}};
}

Sight::Verdict Sight::see_http(const Flight& flight, Stream& stream) {
  const HttpStep step = http_.follow(flight, stream.http);
  if (!step.left) {
    return {Protocol::http, step.outcome, {step.consumed, false}};
  }
  const Bytes rest = flight.bytes.subspan(step.consumed);
  if (stream.http.requests > 0 && tls::looks_like_hello(rest)) {
    // The inside of a CONNECT tunnel, or TLS by upgrade. It is judged alone: the bytes before it
    // are done with.
    Flight inner = flight;
    inner.bytes = rest;
    Verdict verdict = see_hello(inner);
    verdict.appetite.consumed += step.consumed;
    return verdict;
  }
  return {Protocol::http, step.outcome, {step.consumed, true}};
}

}  // namespace gnomon
