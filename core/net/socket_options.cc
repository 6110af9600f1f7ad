#include "core/net/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

namespace gnomon {
namespace {

constexpr int kUnsentBytes = 64 << 10;

}  // namespace

void bound_unsent(boost::asio::ip::tcp::socket& socket) {
  // A kernel without it holds more, that is all.
  static_cast<void>(::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT,
                                 &kUnsentBytes, sizeof kUnsentBytes));
}

bool peer_has_closed(boost::asio::ip::tcp::socket& socket) {
  pollfd asked{socket.native_handle(), POLLRDHUP, 0};
  return ::poll(&asked, 1, 0) == 1 && (asked.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

}  // namespace gnomon
