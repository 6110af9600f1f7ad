// Any stream: views lie inside the input or the scratch space; a hello that came whole comes out
// the same when its record is cut in two.

#include <algorithm>
#include <array>
#include <vector>

#include "agent/parse/tls/client_hello.h"
#include "agent/parse/tls/ja4.h"
#include "agent/parse/tls/record.h"

namespace {

using gnomon::Bytes;

std::array<std::uint8_t, gnomon::tls::kMaxHelloBytes + 4> scratch;
std::array<std::uint8_t, gnomon::tls::kMaxHelloBytes + 4> other_scratch;

void expect(bool condition) {
  if (!condition) {
    __builtin_trap();
  }
}

bool lies_in(Bytes inner, Bytes outer) {
  return inner.empty() || (inner.data() >= outer.data() &&
                           inner.data() + inner.size() <= outer.data() + outer.size());
}

void check_hello(Bytes message) {
  const auto hello = gnomon::tls::parse_client_hello(message);
  if (!hello) {
    return;
  }
  expect(lies_in(hello->cipher_suites, message));
  expect(lies_in(hello->extensions, message));
  expect(lies_in(hello->alpn, hello->extensions));
  expect(lies_in(hello->supported_versions, hello->extensions));
  expect(lies_in(hello->signature_algorithms, hello->extensions));
  expect(hello->server_name.size() <= hello->extensions.size());
  gnomon::tls::ProtocolReader protocols{hello->alpn};
  for (Bytes protocol; protocols.next(protocol);) {
    expect(lies_in(protocol, hello->alpn));
  }
  const gnomon::tls::Ja4 fingerprint = gnomon::tls::ja4(*hello, false);
  for (const char c : fingerprint.view().substr(10)) {
    expect(c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input{data, size};
  check_hello(input);
  const auto handshake = gnomon::tls::first_handshake(input, scratch);
  if (!handshake) {
    return 0;
  }
  expect(gnomon::tls::looks_like_hello(input));
  expect(handshake->consumed <= size);
  expect(lies_in(handshake->message, input) || lies_in(handshake->message, scratch));
  check_hello(handshake->message);

  // Property: the same message over two records is the same message.
  const Bytes message = handshake->message;
  const std::size_t cut = message.size() / 2;
  if (cut == 0 || message.size() - cut > gnomon::tls::kMaxRecordBytes) {
    return 0;
  }
  std::vector<std::uint8_t> stream;
  for (const Bytes half : {message.first(cut), message.subspan(cut)}) {
    stream.insert(stream.end(), {22, 3, 1, static_cast<std::uint8_t>(half.size() >> 8),
                                 static_cast<std::uint8_t>(half.size())});
    stream.insert(stream.end(), half.begin(), half.end());
  }
  const auto again = gnomon::tls::first_handshake(stream, other_scratch);
  expect(again &&
         std::equal(again->message.begin(), again->message.end(), message.begin(), message.end()));
  return 0;
}
