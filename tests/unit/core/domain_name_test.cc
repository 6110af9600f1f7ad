#include "core/domain_name.h"

#include "tests/support/catch.h"

using gnomon::DomainName;
using gnomon::NameError;

TEST_CASE("DomainName: upper case and one trailing dot are normalised away", "[core]") {
  CHECK(DomainName::from_text("APP.Asana.COM.")->text() == "app.asana.com");
  CHECK(DomainName::from_text("_dmarc.example.com")->text() == "_dmarc.example.com");
}

TEST_CASE("DomainName: what no host name can be is refused with its reason", "[core]") {
  const std::string label64(64, 'a');
  const std::string long_name = std::string(63, 'a') + "." + std::string(63, 'b') + "." +
                                std::string(63, 'c') + "." + std::string(61, 'd');
  CHECK(DomainName::from_text("").error() == NameError::empty);
  CHECK(DomainName::from_text(".").error() == NameError::empty);
  CHECK(DomainName::from_text("a..b").error() == NameError::bad_label);
  CHECK(DomainName::from_text(".a").error() == NameError::bad_label);
  CHECK(DomainName::from_text("a b.example").error() == NameError::bad_char);
  CHECK(DomainName::from_text("caf\xc3\xa9.example").error() == NameError::bad_char);
  CHECK(DomainName::from_text(label64 + ".example").error() == NameError::too_long);
  CHECK(DomainName::from_text("192.0.2.1").error() == NameError::ip_literal);
  CHECK(DomainName::from_text("[2001:db8::1]").error() == NameError::ip_literal);
  CHECK(DomainName::from_text("example.com:443").error() == NameError::ip_literal);
  CHECK(DomainName::from_text(long_name + "e").error() == NameError::too_long);
  CHECK(DomainName::from_text(long_name)->text().size() <= gnomon::kMaxNameBytes);
}
