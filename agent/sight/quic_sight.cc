#include "agent/sight/quic_sight.h"

#include <algorithm>

#include "agent/parse/quic/frames.h"
#include "agent/parse/tls/client_hello.h"

namespace gnomon {

namespace {

// kMaxPackets bounds the packets looked at in one datagram: Initial, 0-RTT, Handshake, and room.
constexpr int kMaxPackets = 6;

constexpr std::string_view kEvictedHelp = "Entries that had to go because a table was full.";

// rank orders outcomes by how much they say about a datagram.
int rank(Outcome outcome) {
  switch (outcome) {
    case Outcome::sighted:
      return 0;
    case Outcome::nameless:
      return 1;
    case Outcome::bad_name:
      return 2;
    case Outcome::over_limit:
      return 3;
    case Outcome::malformed:
      return 4;
    case Outcome::waiting:
      return 5;
    case Outcome::continued:
      return 6;
    case Outcome::ignored:
    case Outcome::not_protocol:
      break;
  }
  return 7;
}

// stronger picks the outcome that says more, for datagrams of several packets.
Outcome stronger(Outcome a, Outcome b) {
  return rank(a) <= rank(b) ? a : b;
}

}  // namespace

void QuicSight::ConnectionId::assign(Bytes id) {
  size = std::min(id.size(), bytes.size());
  std::copy_n(id.begin(), size, bytes.begin());
}

bool QuicSight::ConnectionId::equals(Bytes id) const {
  return id.size() == size && std::equal(id.begin(), id.end(), bytes.begin());
}

QuicSight::QuicSight(Limits limits, HelloSight& hellos, Counters& counters)
    : hellos_(hellos),
      pending_(limits.pending),
      done_(limits.done),
      evicted_pending_(
          counters.counter("sight_evicted_total", kEvictedHelp, {{"table", "quic_pending"}})),
      evicted_done_(
          counters.counter("sight_evicted_total", kEvictedHelp, {{"table", "quic_done"}})),
      unopened_(counters.counter("sight_quic_unopened_total",
                                 "Initial packets that no key of theirs or their flow's opens.")) {}

void QuicSight::forget(FlowId flow) {
  pending_.erase(flow);
  done_.erase(flow);
}

Outcome QuicSight::report(const Flight& flight) {
  ByteReader datagram{flight.bytes};
  Outcome outcome = Outcome::not_protocol;
  for (int i = 0; i < kMaxPackets && !datagram.empty(); ++i) {
    if (i > 0 && !quic::has_long_header(ByteReader{datagram}.take(1))) {
      break;  // a short header takes the rest; padding does too
    }
    const auto packet = quic::parse_packet(datagram);
    if (!packet) {
      // Behind a good packet anything may stand; alone it says what the datagram is.
      if (i == 0 && packet.error() != ParseError::not_protocol) {
        outcome = Outcome::malformed;
      }
      break;
    }
    outcome = stronger(outcome, report_packet(flight, *packet));
  }
  return outcome;
}

Outcome QuicSight::report_packet(const Flight& flight, const quic::PacketView& packet) {
  if (Pending* pending = pending_.find(flight.flow)) {
    if (flight.side != pending->client || packet.type != quic::PacketType::initial) {
      return Outcome::continued;
    }
    if (packet.version == pending->chosen.version) {
      const auto payload = opener_.open(pending->keys, packet);
      if (payload) {
        return gather(flight, *pending, *payload);
      }
      if (pending->chosen.id.equals(packet.destination_id)) {
        unopened_.add_alone();
        return Outcome::malformed;
      }
    }
    // Another version after a negotiation, or a new id after a Retry: the hello starts over.
    return begin(flight, packet);
  }
  if (Done* done = done_.find(flight.flow)) {
    return report_done(flight, packet, *done);
  }
  return packet.type == quic::PacketType::initial ? begin(flight, packet) : Outcome::continued;
}

Outcome QuicSight::report_done(const Flight& flight, const quic::PacketView& packet, Done& done) {
  if (flight.side != done.client) {
    done.server_id.assign(packet.source_id);
    done.has_server_id = true;
    return Outcome::continued;
  }
  const bool same_connection =
      packet.type != quic::PacketType::initial ||
      (packet.version == done.chosen.version && done.chosen.id.equals(packet.destination_id)) ||
      (done.has_server_id && done.server_id.equals(packet.destination_id));
  if (same_connection) {
    return Outcome::continued;
  }
  // Either the server's name for itself went by unseen, or a new connection uses the same ports:
  // only the latter opens with keys of its own.
  const Outcome outcome = begin(flight, packet);
  return outcome == Outcome::malformed ? Outcome::continued : outcome;
}

Outcome QuicSight::begin(const Flight& flight, const quic::PacketView& packet) {
  const quic::InitialKeys keys = quic::derive_client_keys(packet.version, packet.destination_id);
  const auto payload = opener_.open(keys, packet);
  if (!payload) {
    unopened_.add_alone();
    return Outcome::malformed;
  }
  bool evicted = false;
  Pending& pending = pending_.find_or_make(flight.flow, evicted);
  evicted_pending_.add_alone(evicted ? 1 : 0);
  pending.chosen.version = packet.version;
  pending.chosen.id.assign(packet.destination_id);
  pending.keys = keys;
  pending.client = flight.side;
  pending.hello = CryptoStream{};
  return gather(flight, pending, *payload);
}

Outcome QuicSight::gather(const Flight& flight, Pending& pending, Bytes payload) {
  quic::CryptoReader pieces{payload};
  quic::CryptoView piece;
  while (pieces.next(piece)) {
    if (!pending.hello.add(piece.offset, piece.data)) {
      finish(flight.flow, pending);
      return Outcome::over_limit;
    }
  }
  const auto hello = tls::parse_client_hello(pending.hello.prefix());
  if (hello) {
    const Outcome outcome = hellos_.report(flight, *hello, Source::quic);
    finish(flight.flow, pending);
    return outcome;
  }
  if (hello.error() == ParseError::truncated) {
    return Outcome::waiting;
  }
  finish(flight.flow, pending);
  return hello.error() == ParseError::over_limit ? Outcome::over_limit : Outcome::malformed;
}

void QuicSight::finish(FlowId flow, const Pending& pending) {
  bool evicted = false;
  Done& done = done_.find_or_make(flow, evicted);
  evicted_done_.add_alone(evicted ? 1 : 0);
  done.chosen = pending.chosen;
  done.client = pending.client;
  done.has_server_id = false;
  pending_.erase(flow);
}

}  // namespace gnomon
