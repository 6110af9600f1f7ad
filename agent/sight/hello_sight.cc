#include "agent/sight/hello_sight.h"

#include <utility>

#include "agent/parse/tls/ja4.h"
#include "agent/sight/host_text.h"

namespace gnomon {

namespace {

// kMaxProtocols bounds the ALPN names kept; clients offer two to eight.
constexpr std::size_t kMaxProtocols = 16;

constexpr std::uint16_t kEncryptedDnsPort = 853;  // RFC 7858, RFC 9250

constexpr std::string_view kEchHelp = "Hellos with Encrypted Client Hello by what it means.";
constexpr std::string_view kDnsHelp = "Hellos that open encrypted DNS: a blind spot.";

// protocol_text keeps printable names and escapes the rest as \ddd; GREASE (RFC 8701) is dropped.
std::optional<std::string> protocol_text(Bytes protocol) {
  if (protocol.size() == 2 &&
      tls::is_grease(static_cast<std::uint16_t>((protocol[0] << 8) | protocol[1]))) {
    return std::nullopt;
  }
  std::string text;
  for (const std::uint8_t byte : protocol) {
    if (byte > 0x20 && byte < 0x7f && byte != '\\') {
      text.push_back(static_cast<char>(byte));
    } else {
      text.push_back('\\');
      text.push_back(static_cast<char>('0' + byte / 100));
      text.push_back(static_cast<char>('0' + byte / 10 % 10));
      text.push_back(static_cast<char>('0' + byte % 10));
    }
  }
  return text;
}

}  // namespace

Sighting begin_sighting(const Flight& flight, Source source) {
  Sighting sighting;
  sighting.when = flight.when;
  sighting.source = source;
  sighting.client = flight.side == Side::client ? flight.client : flight.server;
  sighting.server = flight.side == Side::client ? flight.server : flight.client;
  sighting.flow = flight.flow;
  sighting.tunnelled = flight.tunnelled;
  return sighting;
}

HelloSight::HelloSight(SightingSink& sink, AnswerMemory& answers, Counters& counters)
    : sink_(sink),
      answers_(answers),
      ech_grease_(counters.counter("sight_ech_total", kEchHelp, {{"kind", "grease"}})),
      ech_real_(counters.counter("sight_ech_total", kEchHelp, {{"kind", "real"}})),
      ech_unknown_(counters.counter("sight_ech_total", kEchHelp, {{"kind", "unknown"}})),
      recovered_(counters.counter("sight_recovered_total",
                                  "Names hidden by ECH that the DNS answer gave away.")),
      dns_over_tls_(counters.counter("sight_encrypted_dns_total", kDnsHelp, {{"kind", "dot"}})),
      dns_over_quic_(counters.counter("sight_encrypted_dns_total", kDnsHelp, {{"kind", "doq"}})) {}

Ech HelloSight::judge(const tls::ClientHelloView& hello, const std::string& host) {
  if (!hello.ech.present) {
    return Ech::none;
  }
  // The inner type never travels in the open, and a hello that hides its name always has an
  // outer one (RFC 9849, section 6.1): without either nothing can be told.
  if (!hello.ech.outer || !hello.ech.sound || host.empty()) {
    ech_unknown_.add_alone();
    return Ech::unknown;
  }
  if (answers_.is_public_name(host)) {
    ech_real_.add_alone();
    return Ech::real;
  }
  ech_grease_.add_alone();
  return Ech::grease;
}

void HelloSight::count_encrypted_dns(const Flight& flight, const HelloDetail& detail) {
  bool offered = false;
  for (const std::string& protocol : detail.alpn) {
    offered = offered || protocol == "dot" || protocol.starts_with("doq");
  }
  if (!offered && flight.server.port != kEncryptedDnsPort) {
    return;
  }
  (flight.transport == Transport::tcp ? dns_over_tls_ : dns_over_quic_).add_alone();
}

Outcome HelloSight::report(const Flight& flight, const tls::ClientHelloView& hello, Source source) {
  Sighting sighting = begin_sighting(flight, source);
  if (!hello.server_name.empty()) {
    auto host = host_text(hello.server_name);
    if (!host) {
      return Outcome::bad_name;
    }
    sighting.host = *std::move(host);
  }
  HelloDetail detail;
  tls::ProtocolReader protocols{hello.alpn};
  for (Bytes protocol; detail.alpn.size() < kMaxProtocols && protocols.next(protocol);) {
    if (auto text = protocol_text(protocol)) {
      detail.alpn.push_back(*std::move(text));
    }
  }
  detail.ech = judge(hello, sighting.host);
  detail.ja4 = tls::ja4(hello, source == Source::quic).view();
  count_encrypted_dns(flight, detail);

  std::optional<std::string> hidden;
  if (detail.ech == Ech::real) {
    hidden = answers_.hidden_name(sighting.client.address, sighting.server.address, sighting.host,
                                  flight.when);
  }
  const Outcome outcome = sighting.host.empty() ? Outcome::nameless : Outcome::sighted;
  sighting.hello = std::move(detail);
  if (hidden) {
    Sighting inner = sighting;
    inner.host = *std::move(hidden);
    inner.recovered = true;
    recovered_.add_alone();
    sink_.on_sighting(std::move(sighting));
    sink_.on_sighting(std::move(inner));
  } else {
    sink_.on_sighting(std::move(sighting));
  }
  return outcome;
}

}  // namespace gnomon
