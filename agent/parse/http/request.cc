#include "agent/parse/http/request.h"

#include <algorithm>
#include <array>

namespace gnomon::http {

namespace {

// Methods of the IANA registry (HTTP, WebDAV and its kin), and those that are met besides: of
// UPnP eventing, Exchange, remote procedure calls and VPNs over HTTP, and caches.
constexpr std::array kMethods = std::to_array<std::string_view>({
    "GET",
    "POST",
    "HEAD",
    "CONNECT",
    "OPTIONS",
    "PUT",
    "DELETE",
    "PATCH",
    "TRACE",
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "COPY",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "ORDERPATCH",
    "PROPFIND",
    "PROPPATCH",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "NOTIFY",
    "POLL",
    "BCOPY",
    "BDELETE",
    "BMOVE",
    "BPROPFIND",
    "BPROPPATCH",
    "SUBSCRIPTIONS",
    "RPC_IN_DATA",
    "RPC_OUT_DATA",
    "RPC_CONNECT",
    "RDG_IN_DATA",
    "RDG_OUT_DATA",
    "CCM_POST",
    "SSTP_DUPLEX_POST",
    "PURGE",
    "SOURCE",
});

constexpr std::string_view kVersion = "HTTP/1.";

std::string_view as_text(Bytes bytes) {
  // The one place where bytes become text; char may alias anything.
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// is_token_char tells the characters of header names (RFC 9110, section 5.6.2).
bool is_token_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

bool is_method(std::string_view word) {
  return std::find(kMethods.begin(), kMethods.end(), word) != kMethods.end();
}

// shift_digit makes room for one digit more, or says that the number would not fit.
bool shift_digit(std::uint64_t& value, unsigned base, unsigned digit) {
  if (value > (UINT64_MAX - digit) / base) {
    return false;
  }
  value = value * base + digit;
  return true;
}

}  // namespace

Result<LineView, ParseError> next_line(Bytes stream) {
  const std::string_view text = as_text(stream.first(std::min(stream.size(), kMaxLineBytes)));
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) {
    return Failure{text.size() == kMaxLineBytes ? ParseError::over_limit : ParseError::truncated};
  }
  std::string_view line = text.substr(0, end);
  if (!line.empty() && line.back() == '\r') {
    line.remove_suffix(1);
  }
  return LineView{line, end + 1};
}

bool looks_like_request(Bytes stream) {
  const std::string_view text = as_text(stream.first(std::min(stream.size(), kMaxMethodBytes)));
  if (text.empty()) {
    return true;
  }
  if (text.front() < 'A' || text.front() > 'V') {
    return false;  // what most streams are decided by
  }
  const std::size_t space = text.find(' ');
  if (space != std::string_view::npos) {
    return is_method(text.substr(0, space));
  }
  return std::any_of(kMethods.begin(), kMethods.end(),
                     [text](std::string_view method) { return method.starts_with(text); });
}

Result<RequestLineView, ParseError> parse_request_line(std::string_view line) {
  RequestLineView request;
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) {
    return Failure{ParseError::not_protocol};
  }
  request.method = line.substr(0, first);
  request.target = trim(line.substr(first, last - first));
  const std::string_view version = line.substr(last + 1);
  if (!is_method(request.method) || !version.starts_with(kVersion) ||
      version.size() != kVersion.size() + 1 || request.target.empty()) {
    return Failure{ParseError::not_protocol};
  }
  request.connect = request.method == "CONNECT";
  return request;
}

Result<HeaderView, ParseError> parse_header(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) {
    return Failure{ParseError::malformed};
  }
  // Spaces before the colon are forbidden, and sent.
  HeaderView header{line.substr(0, colon), trim(line.substr(colon + 1))};
  while (!header.name.empty() && header.name.back() == ' ') {
    header.name.remove_suffix(1);
  }
  if (header.name.empty() || !std::all_of(header.name.begin(), header.name.end(), is_token_char)) {
    return Failure{ParseError::malformed};
  }
  return header;
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() &&
         std::equal(text.begin(), text.end(), lower.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + ('a' - 'A')) : a) == b;
         });
}

std::string_view authority_host(std::string_view authority) {
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    authority.remove_prefix(at + 1);
  }
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    return end == std::string_view::npos ? std::string_view{} : authority.substr(1, end - 1);
  }
  const std::size_t colon = authority.find(':');
  if (colon == std::string_view::npos) {
    return authority;
  }
  // More than one colon is an IPv6 address without its brackets.
  return authority.find(':', colon + 1) == std::string_view::npos ? authority.substr(0, colon)
                                                                  : authority;
}

std::string_view target_host(const RequestLineView& request) {
  if (request.connect) {
    return authority_host(request.target);
  }
  const std::size_t scheme = request.target.find("://");
  const std::size_t path = request.target.find_first_of("/?#");
  if (scheme == std::string_view::npos || scheme == 0 || path != scheme + 1) {
    return {};
  }
  const std::string_view rest = request.target.substr(scheme + 3);
  return authority_host(rest.substr(0, rest.find_first_of("/?#")));
}

Result<std::uint64_t, ParseError> parse_length(std::string_view value) {
  std::uint64_t length = 0;
  for (const char c : value) {
    if (c < '0' || c > '9' || !shift_digit(length, 10, static_cast<unsigned>(c - '0'))) {
      return Failure{ParseError::malformed};
    }
  }
  if (value.empty()) {
    return Failure{ParseError::malformed};
  }
  return length;
}

Result<std::uint64_t, ParseError> parse_chunk_size(std::string_view line) {
  const std::string_view digits = trim(line.substr(0, line.find(';')));
  std::uint64_t size = 0;
  for (const char c : digits) {
    unsigned digit = 16;
    if (c >= '0' && c <= '9') {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<unsigned>(c - 'A') + 10;
    }
    if (digit == 16 || !shift_digit(size, 16, digit)) {
      return Failure{ParseError::malformed};
    }
  }
  if (digits.empty()) {
    return Failure{ParseError::malformed};
  }
  return size;
}

}  // namespace gnomon::http
