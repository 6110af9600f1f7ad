// JA4, the fingerprint of a TLS client (FoxIO, technical_details/JA4.md; this part is under the
// BSD 3-Clause licence).

#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "agent/parse/tls/client_hello.h"

namespace gnomon::tls {

// Ja4 is the text, always 36 characters: "t13d1516h2_8daaf6152771_b186095e22b6".
struct Ja4 {
  std::array<char, 36> text{};

  std::string_view view() const { return {text.data(), text.size()}; }
};

// ja4 computes the fingerprint of a hello; `over_quic` makes its first letter q instead of t.
// GREASE values do not count, neither do the orders of cipher suites and extensions.
Ja4 ja4(const ClientHelloView& hello, bool over_quic);

}  // namespace gnomon::tls
