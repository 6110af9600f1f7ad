#include "core/net/ip_range.h"

#include <string>

#include "tests/support/catch.h"

namespace gnomon {
namespace {

using boost::asio::ip::make_address;

bool in(const std::string& range, const char* address) {
  const auto parsed = IpRange::parse(range);
  REQUIRE(parsed);
  return parsed->contains(make_address(address));
}

TEST_CASE("IpRange: the prefix decides, to the bit", "[core][net]") {
  CHECK(in("203.0.113.0/28", "203.0.113.15"));
  CHECK_FALSE(in("203.0.113.0/28", "203.0.113.16"));
  CHECK(in("203.0.113.9/28", "203.0.113.0"));  // bits behind the prefix are ignored
  CHECK(in("0.0.0.0/0", "255.255.255.255"));
  CHECK(in("198.51.100.7", "198.51.100.7"));
  CHECK_FALSE(in("198.51.100.7", "198.51.100.6"));
  CHECK(in("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(in("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(in("::1", "::1"));
}

TEST_CASE("IpRange: families are told apart, and mapped addresses are IPv4", "[core][net]") {
  CHECK_FALSE(in("0.0.0.0/0", "2001:db8::1"));
  CHECK_FALSE(in("::/0", "192.0.2.1"));
  CHECK(in("192.0.2.0/24", "::ffff:192.0.2.9"));
}

TEST_CASE("IpRange: anything else is refused", "[core][net]") {
  for (const char* text : {"", "/", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/-1",
                           "10.0.0.0/8x", "example.com", "10.0.0.0/ 8"}) {
    CAPTURE(text);
    CHECK_FALSE(IpRange::parse(text));
  }
}

TEST_CASE("site_of: an IPv4 address, or the network of 64 bits", "[core][net]") {
  CHECK(site_of(make_address("192.0.2.1")) == "192.0.2.1");
  CHECK(site_of(make_address("::ffff:192.0.2.1")) == "192.0.2.1");
  CHECK(site_of(make_address("2001:db8:1:2:3:4:5:6")) == "2001:db8:1:2::");
  CHECK(site_of(make_address("2001:db8:1:2::1")) == site_of(make_address("2001:db8:1:2:ffff::")));
}

}  // namespace
}  // namespace gnomon
