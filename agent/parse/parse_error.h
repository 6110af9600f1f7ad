// ParseError: the four ways in which bytes from strangers are refused.

#pragma once

#include <cstdint>
#include <string_view>

namespace gnomon {

enum class ParseError : std::uint8_t {
  truncated,     // fine so far; more bytes may help
  not_protocol,  // the first bytes rule this protocol out
  malformed,     // no more bytes can help
  over_limit,    // fine so far, larger than we will hold
};

constexpr std::string_view to_string(ParseError error) {
  switch (error) {
    case ParseError::truncated:
      return "truncated";
    case ParseError::not_protocol:
      return "not_protocol";
    case ParseError::malformed:
      return "malformed";
    case ParseError::over_limit:
      return "over_limit";
  }
  return "unknown";
}

}  // namespace gnomon
