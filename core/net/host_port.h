// HostPort: an address as operators write it.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gnomon {

struct HostPort {
  std::string host;  // a name or an IP address, IPv6 without brackets
  std::uint16_t port = 0;

  bool operator==(const HostPort&) const = default;
};

// parse_host_port reads "host", "host:port", "[2001:db8::1]:port" and "2001:db8::1".
std::optional<HostPort> parse_host_port(std::string_view text, std::uint16_t default_port);

// to_string is its inverse.
std::string to_string(const HostPort& address);

}  // namespace gnomon
