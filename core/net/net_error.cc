#include "core/net/net_error.h"

#include <array>
#include <cstddef>

namespace gnomon {

std::string_view to_string(NetFault fault) {
  constexpr std::array<std::string_view, 14> kWords = {"timed-out",           "closed",
                                                       "unreachable",         "not-tls",
                                                       "protocol-version",    "no-certificate",
                                                       "foreign-certificate", "expired-certificate",
                                                       "stolen-certificate",  "renegotiation",
                                                       "peer-refused",        "oversize",
                                                       "bad-message",         "tls"};
  return kWords.at(static_cast<std::size_t>(fault));
}

}  // namespace gnomon
