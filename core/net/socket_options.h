// What we ask of the system about a socket, beyond what Asio knows.

#pragma once

#include <boost/asio/ip/tcp.hpp>

namespace gnomon {

// bound_unsent keeps what the system holds of our bytes that it has not sent yet small (64 KiB): a
// peer that reads slowly then stops our writing, instead of megabytes waiting in the kernel.
void bound_unsent(boost::asio::ip::tcp::socket& socket);

// peer_has_closed says whether the peer has closed its side already, even if bytes of it wait.
bool peer_has_closed(boost::asio::ip::tcp::socket& socket);

}  // namespace gnomon
