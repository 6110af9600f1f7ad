// Sighting: what the sight room yields, one host name read from traffic. Owned from here on.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/flow/flight.h"
#include "core/clock.h"
#include "core/contact.h"
#include "core/ip_address.h"

namespace gnomon {

// DnsSection is where in its message a record stands (RFC 1035, section 4.1).
enum class DnsSection : std::uint8_t { answer, authority, additional };

// DnsRecord is one record of a message in text form.
struct DnsRecord {
  std::string name;
  std::uint16_t type = 0;  // IANA number
  std::string data;        // address, target name, "1 . alpn=h3 ech" ...
  std::uint32_t ttl = 0;   // seconds
  DnsSection section = DnsSection::answer;
};

struct DnsDetail {
  std::uint16_t qtype = 0;  // IANA number of the question
  bool answer = false;      // true for a response
  std::uint8_t rcode = 0;   // of a response
  bool over_tcp = false;
  // All records but OPT, answers first. Only those of the answer section say where the question's
  // name leads; authority and additional ones are about name servers.
  std::vector<DnsRecord> answers;
};

// Ech tells how a ClientHello carries Encrypted Client Hello (RFC 9849).
enum class Ech : std::uint8_t {
  none,     // no extension 0xfe0d
  grease,   // the extension is there, and nothing says that it is meant
  real,     // outer hello whose public name stands in the HTTPS record or the list of public names
  unknown,  // cannot be told
};

struct HelloDetail {
  std::vector<std::string> alpn;
  Ech ech = Ech::none;
  std::string ja4;  // TLS-client fingerprint, "t13d1516h2_8daaf6152771_b186095e22b6"
};

// Process is who owns the socket, as far as the system tells. Empty fields are unknown.
struct Process {
  std::string program;               // program name only, never arguments
  std::optional<std::uint32_t> uid;  // user id
  std::uint32_t pid = 0;
};

// Sighting is one host name with its evidence. One per flow and name for TLS, QUIC and HTTP; one
// per question for DNS messages.
struct Sighting {
  WallTime when;
  Source source = Source::dns;
  // Lower-case text form without a trailing dot. From DNS it may hold bytes that no host name
  // has, escaped as \ddd (RFC 1035, section 5.1). From HTTP and TLS it may be an IP literal, and
  // hold printable characters that no host name has. Empty for a hello without a name.
  std::string host;
  Endpoint client;
  Endpoint server;
  FlowId flow = 0;
  bool tunnelled = false;
  bool recovered = false;  // the hello hid its name; the DNS answer for its address gave it
  std::optional<DnsDetail> dns;
  std::optional<HelloDetail> hello;
  Process process;
};

}  // namespace gnomon
