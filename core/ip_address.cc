#include "core/ip_address.h"

#include <arpa/inet.h>

#include "core/check.h"

namespace gnomon {

std::string to_string(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = address.is_v4 ? AF_INET : AF_INET6;
  const char* written =
      inet_ntop(family, address.bytes.data(), text.data(), static_cast<socklen_t>(text.size()));
  GNOMON_CHECK(written != nullptr);
  return written;
}

std::string to_string(const Endpoint& endpoint) {
  const std::string address = to_string(endpoint.address);
  const std::string port = std::to_string(endpoint.port);
  return endpoint.address.is_v4 ? address + ":" + port : "[" + address + "]:" + port;
}

}  // namespace gnomon
