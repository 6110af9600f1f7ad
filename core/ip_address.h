// IP addresses and endpoints as plain values that fit a hash table.

#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

namespace gnomon {

// IpAddress holds IPv4 (in the first four bytes, the rest zero) or IPv6. Trivially copyable.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  bool is_v4 = true;

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes a defaulted comparison for a zero
  auto operator<=>(const IpAddress&) const = default;
};

// to_string gives the usual text form (RFC 5952 for IPv6), without brackets.
std::string to_string(const IpAddress& address);

// Endpoint is one side of a flow.
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes a defaulted comparison for a zero
  auto operator<=>(const Endpoint&) const = default;
};

// to_string gives "192.0.2.7:443" or "[2001:db8::1]:443".
std::string to_string(const Endpoint& endpoint);

}  // namespace gnomon
