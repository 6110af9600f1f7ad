#include "core/domain_name.h"

#include <algorithm>

namespace gnomon {
namespace {

bool all_digits(std::string_view label) {
  return std::all_of(label.begin(), label.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<DomainName, NameError> DomainName::from_text(std::string_view text) {
  if (!text.empty() && text.back() == '.') {
    text.remove_suffix(1);
  }
  if (text.empty()) {
    return Failure{NameError::empty};
  }
  if (text.size() > kMaxNameBytes) {
    return Failure{NameError::too_long};
  }
  if (text.front() == '[' || text.find(':') != std::string_view::npos) {
    return Failure{NameError::ip_literal};
  }
  std::string name;
  name.reserve(text.size());
  std::size_t label = 0;
  for (const char c : text) {
    if (c == '.') {
      if (label == 0) {
        return Failure{NameError::bad_label};
      }
      label = 0;
      name.push_back('.');
      continue;
    }
    if (++label > 63) {
      return Failure{NameError::too_long};
    }
    if (c >= 'A' && c <= 'Z') {
      name.push_back(static_cast<char>(c - 'A' + 'a'));
    } else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') {
      name.push_back(c);
    } else {
      return Failure{NameError::bad_char};
    }
  }
  if (label == 0) {
    return Failure{NameError::bad_label};
  }
  // No top-level domain is all digits (RFC 3696, section 2), so this is an IPv4 literal or junk.
  const std::size_t last_dot = name.rfind('.');
  const std::string_view last = last_dot == std::string::npos
                                    ? std::string_view{name}
                                    : std::string_view{name}.substr(last_dot + 1);
  if (all_digits(last)) {
    return Failure{NameError::ip_literal};
  }
  return DomainName{std::move(name)};
}

}  // namespace gnomon
