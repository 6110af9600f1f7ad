// Listening: a bound acceptor or the reason there is none.

#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "core/io_error.h"
#include "core/net/host_port.h"
#include "core/result.h"

namespace gnomon {

// listen_on binds a TCP acceptor. The address must be numeric; port 0 takes any free one. An IPv6
// address takes IPv6 only, so that "0.0.0.0" and "::" may stand side by side.
Result<boost::asio::ip::tcp::acceptor, IoError> listen_on(const boost::asio::any_io_executor& on,
                                                          const HostPort& address);

}  // namespace gnomon
