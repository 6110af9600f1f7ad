// HTTP/1 requests (RFC 9112), line by line, so that a name is known as soon as its line is whole.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/parse/parse_error.h"
#include "core/byte_reader.h"
#include "core/result.h"

namespace gnomon::http {

// kMaxLineBytes bounds one line. Servers refuse request lines over 8 KB; cookies come near it.
constexpr std::size_t kMaxLineBytes = std::size_t{16} * 1024 - 64;

// kMaxMethodBytes is the longest method we know, BASELINE-CONTROL, and a little more.
constexpr std::size_t kMaxMethodBytes = 20;

// LineView is one line without its line end.
struct LineView {
  std::string_view text;
  std::size_t consumed = 0;  // line end included
};

// next_line cuts one line off the front (ended by CR LF; LF alone is tolerated as RFC 9112,
// section 2.2, allows). `over_limit` when no end comes within kMaxLineBytes.
Result<LineView, ParseError> next_line(Bytes stream);

struct RequestLineView {
  std::string_view method;
  std::string_view target;
  bool connect = false;
};

// looks_like_request is for choosing a parser: false when the bytes at hand cannot begin a
// request, because they are no known method and a space. An empty stream may still become one.
bool looks_like_request(Bytes stream);

// parse_request_line reads "GET /path HTTP/1.1". Requests of SIP, RTSP, ICAP and HTTP/2's preface
// look alike and are `not_protocol`, as is HTTP/0.9, which names no host.
Result<RequestLineView, ParseError> parse_request_line(std::string_view line);

struct HeaderView {
  std::string_view name;
  std::string_view value;  // without the spaces around it
};

// parse_header reads "Host: example.com". `malformed` without a colon or with a name that is no
// token; that is also what a folded line (a leading space) gives.
Result<HeaderView, ParseError> parse_header(std::string_view line);

// equals_ignoring_case compares with a lower-case word of ours.
bool equals_ignoring_case(std::string_view text, std::string_view lower);

// target_host gives the authority of an absolute target ("http://user@host:80/path"), and of a
// CONNECT target, without user part and port; empty when the target has none.
std::string_view target_host(const RequestLineView& request);

// authority_host cuts user part and port off "user@host:80" and the brackets off "[::1]:80".
std::string_view authority_host(std::string_view authority);

// parse_length reads the value of Content-Length; `malformed` unless it is digits alone.
Result<std::uint64_t, ParseError> parse_length(std::string_view value);

// parse_chunk_size reads the first line of a chunk, "1a;extension" (RFC 9112, section 7.1).
Result<std::uint64_t, ParseError> parse_chunk_size(std::string_view line);

}  // namespace gnomon::http
