// IpRange: a network of addresses, as an operator writes it.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/ip/address.hpp>

namespace gnomon {

// IpRange is an IPv4 or IPv6 network. An IPv4 address that comes mapped into IPv6 counts as IPv4.
class IpRange {
 public:
  // parse reads "10.0.0.0/8", "2001:db8::/32", or a single address; nullopt for anything else. Bits
  // behind the prefix are ignored.
  static std::optional<IpRange> parse(std::string_view text);

  bool contains(const boost::asio::ip::address& other) const;

 private:
  IpRange(const boost::asio::ip::address& address, unsigned prefix)
      : address_(address), prefix_(prefix) {}

  boost::asio::ip::address address_;
  unsigned prefix_;
};

// site_of names what is limited as one: an IPv4 address, or an IPv6 network of 64 bits, of which
// one subscriber has all addresses.
std::string site_of(const boost::asio::ip::address& from);

}  // namespace gnomon
