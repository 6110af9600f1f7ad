#include "core/net/listen.h"

#include <utility>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/v6_only.hpp>

namespace gnomon {

using boost::asio::ip::tcp;

Result<tcp::acceptor, IoError> listen_on(const boost::asio::any_io_executor& on,
                                         const HostPort& address) {
  boost::system::error_code error;
  const auto ip = boost::asio::ip::make_address(address.host, error);
  tcp::acceptor acceptor(on);
  const tcp::endpoint endpoint(ip, address.port);
  if (!error) {
    acceptor.open(endpoint.protocol(), error);
  }
  if (!error) {
    acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  }
  if (!error && ip.is_v6()) {
    acceptor.set_option(boost::asio::ip::v6_only(true), error);
  }
  if (!error) {
    acceptor.bind(endpoint, error);
  }
  if (!error) {
    acceptor.listen(boost::asio::socket_base::max_listen_connections, error);
  }
  if (error) {
    return Failure{IoError{"listen on", to_string(address), error}};
  }
  return acceptor;
}

}  // namespace gnomon
