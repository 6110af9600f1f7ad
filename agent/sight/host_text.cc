#include "agent/sight/host_text.h"

#include "core/domain_name.h"

namespace gnomon {

std::optional<std::string> host_text(std::string_view text) {
  if (!text.empty() && text.back() == '.') {
    text.remove_suffix(1);
  }
  if (text.empty() || text.size() > kMaxNameBytes) {
    return std::nullopt;
  }
  std::string host;
  host.reserve(text.size());
  for (const char c : text) {
    if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\') {
      return std::nullopt;
    }
    host.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c);
  }
  return host;
}

}  // namespace gnomon
