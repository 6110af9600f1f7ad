#include "core/net/ip_range.h"

#include <algorithm>
#include <charconv>

namespace gnomon {
namespace {

using boost::asio::ip::address;
using boost::asio::ip::address_v6;

constexpr unsigned kSiteBits = 64;

address plain(const address& from) {
  if (from.is_v6() && from.to_v6().is_v4_mapped()) {
    return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, from.to_v6());
  }
  return from;
}

template <typename Octets>
bool same_prefix(const Octets& a, const Octets& b, unsigned bits) {
  for (std::size_t i = 0; i < a.size() && bits > 0; ++i) {
    const unsigned here = std::min(bits, 8U);
    const unsigned differ = static_cast<unsigned>(a[i]) ^ static_cast<unsigned>(b[i]);
    if ((differ >> (8U - here)) != 0) {
      return false;
    }
    bits -= here;
  }
  return true;
}

}  // namespace

std::optional<IpRange> IpRange::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  boost::system::error_code wrong;
  const address parsed =
      plain(boost::asio::ip::make_address(std::string{text.substr(0, slash)}, wrong));
  if (wrong) {
    return std::nullopt;
  }
  const unsigned most = parsed.is_v4() ? 32 : 128;
  unsigned prefix = most;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (read.ec != std::errc{} || read.ptr != digits.data() + digits.size() || prefix > most) {
      return std::nullopt;
    }
  }
  return IpRange{parsed, prefix};
}

bool IpRange::contains(const address& other) const {
  const address asked = plain(other);
  if (asked.is_v4() != address_.is_v4()) {
    return false;
  }
  return asked.is_v4()
             ? same_prefix(asked.to_v4().to_bytes(), address_.to_v4().to_bytes(), prefix_)
             : same_prefix(asked.to_v6().to_bytes(), address_.to_v6().to_bytes(), prefix_);
}

std::string site_of(const address& from) {
  const address asked = plain(from);
  if (asked.is_v4()) {
    return asked.to_string();
  }
  address_v6::bytes_type bytes = asked.to_v6().to_bytes();
  std::fill(bytes.begin() + kSiteBits / 8, bytes.end(), std::uint8_t{0});
  return address_v6(bytes).to_string();
}

}  // namespace gnomon
