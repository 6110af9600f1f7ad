// Host names out of SNI and Host headers, made comparable.

#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace gnomon {

// host_text lower-cases a name and drops one trailing dot. IP literals pass (without brackets), and
// so do names with printable characters that no host name has, as some programs send them: what
// is seen is told, and matching refuses what is no DomainName. Nothing comes out for an empty or
// overlong text, and for one with spaces, control characters, quotes or bytes above ASCII.
std::optional<std::string> host_text(std::string_view text);

}  // namespace gnomon
