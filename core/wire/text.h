// Text from peers: is it fit to be shown, and how it is cut.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gnomon::wire {

// is_printable says whether `text` is well-formed UTF-8 (RFC 3629, section 4) without control
// characters, so that it can go into a log line, a page or JSON as it is.
bool is_printable(std::string_view text);

// clip_text gives the longest beginning of `text` of at most `limit` bytes that ends between two
// characters. Text that is not printable becomes empty.
std::string clip_text(std::string_view text, std::size_t limit);

}  // namespace gnomon::wire
