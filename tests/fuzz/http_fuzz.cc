// Any stream: lines lie inside it, hosts inside their lines, and what is a request looked like one.

#include "agent/parse/http/request.h"

namespace {

using gnomon::Bytes;

void expect(bool condition) {
  if (!condition) {
    __builtin_trap();
  }
}

bool lies_in(std::string_view inner, std::string_view outer) {
  return inner.empty() || (inner.data() >= outer.data() &&
                           inner.data() + inner.size() <= outer.data() + outer.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes rest{data, size};
  for (auto line = gnomon::http::next_line(rest); line; line = gnomon::http::next_line(rest)) {
    expect(line->consumed > line->text.size() && line->consumed <= rest.size());
    if (const auto request = gnomon::http::parse_request_line(line->text)) {
      expect(gnomon::http::looks_like_request(rest));
      expect(lies_in(request->target, line->text));
      expect(lies_in(gnomon::http::target_host(*request), request->target));
    }
    if (const auto header = gnomon::http::parse_header(line->text)) {
      expect(lies_in(header->name, line->text) && lies_in(header->value, line->text));
      const std::string_view host = gnomon::http::authority_host(header->value);
      expect(lies_in(host, header->value));
      static_cast<void>(gnomon::http::parse_length(header->value));
    }
    static_cast<void>(gnomon::http::parse_chunk_size(line->text));
    rest = rest.subspan(line->consumed);
  }
  static_cast<void>(gnomon::http::looks_like_request(rest));
  return 0;
}
