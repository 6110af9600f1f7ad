#include "core/ip_address.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <string>

#include "core/check.h"

namespace gnomon {

namespace {

// append_v4 writes dotted quads by hand: inet_ntop goes through printf, which was a twentieth of
// the time of reading a capture.
void append_v4(const IpAddress& address, std::string& out) {
  for (std::size_t i = 0; i < 4; ++i) {
    std::array<char, 3> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), address.bytes[i]);
    if (i > 0) {
      out.push_back('.');
    }
    out.append(digits.data(), end.ptr);
  }
}

}  // namespace

std::string to_string(const IpAddress& address) {
  if (address.is_v4) {
    std::string text;
    append_v4(address, text);
    return text;
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  const char* written =
      inet_ntop(AF_INET6, address.bytes.data(), text.data(), static_cast<socklen_t>(text.size()));
  GNOMON_CHECK(written != nullptr);
  return written;
}

std::string to_string(const Endpoint& endpoint) {
  std::string text;
  text.reserve(24);
  if (endpoint.address.is_v4) {
    append_v4(endpoint.address, text);
  } else {
    text.push_back('[');
    text.append(to_string(endpoint.address));
    text.push_back(']');
  }
  std::array<char, 5> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), endpoint.port);
  text.push_back(':');
  text.append(digits.data(), end.ptr);
  return text;
}

}  // namespace gnomon
