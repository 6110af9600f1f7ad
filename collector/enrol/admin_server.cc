#include "collector/enrol/admin_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "core/log.h"
#include "core/net/await.h"
#include "core/net/run_on.h"
#include "core/wire/frame.h"

namespace gnomon {
namespace {

using Local = asio::local::stream_protocol;

wire::AdminReply problem(std::string text) {
  wire::AdminReply reply;
  reply.error = std::move(text);
  return reply;
}

// name_peer puts who asks into the request, as the kernel knows it.
void name_peer(Local::socket& socket, wire::AdminRequest& request) {
  std::erase_if(request.arguments,
                [](const wire::Field& field) { return field.first == kPeerArgument; });
  ucred peer{};
  socklen_t size = sizeof peer;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) {
    request.arguments.emplace_back(kPeerArgument, "uid " + std::to_string(peer.uid));
  }
}

}  // namespace

class AdminServer::Impl {
 public:
  Impl(asio::io_context& io, asio::thread_pool& pool, std::string path, AdminHandler handler)
      : io_(io), pool_(pool), path_(std::move(path)), handler_(std::move(handler)) {}

  Result<Ok, IoError> start() {
    boost::system::error_code error;
    Local::endpoint endpoint;
    try {
      endpoint = Local::endpoint(path_);
    } catch (const boost::system::system_error& too_long) {
      return Failure{IoError{"listen on", path_, too_long.code()}};
    }
    Local::socket probe(io_);
    probe.connect(endpoint, error);
    if (!error) {
      return Failure{IoError{"listen on", path_, std::make_error_code(std::errc::address_in_use)}};
    }
    ::unlink(path_.c_str());  // left by a collector that was killed
    acceptor_.emplace(io_);
    acceptor_->open(endpoint.protocol(), error);
    if (!error) {
      // Nobody may connect between bind and chmod, so the file is born 0600.
      const mode_t before = ::umask(0177);
      acceptor_->bind(endpoint, error);
      ::umask(before);
    }
    if (!error) {
      acceptor_->listen(16, error);
    }
    if (error) {
      return Failure{IoError{"listen on", path_, error}};
    }
    spawn(accept());
    return Ok{};
  }

  void stop() {
    stopping_ = true;
    if (acceptor_) {
      boost::system::error_code ignored;
      acceptor_->close(ignored);
      ::unlink(path_.c_str());
    }
    for (Local::socket* socket : sockets_) {
      boost::system::error_code ignored;
      socket->close(ignored);
    }
  }

 private:
  void spawn(asio::awaitable<void> task) {
    asio::co_spawn(io_, std::move(task), [](const std::exception_ptr& thrown) {
      if (thrown) {
        log::error("enrol.admin_failed");
      }
    });
  }

  asio::awaitable<void> accept() {
    while (!stopping_) {
      auto accepted = co_await acceptor_->async_accept(kAwait);
      if (std::get<0>(accepted)) {
        co_return;
      }
      spawn(serve(std::move(std::get<1>(accepted))));
    }
  }

  // No deadline: whoever holds the socket open is the collector's own user.
  asio::awaitable<void> serve(Local::socket socket) {
    sockets_.insert(&socket);
    std::array<std::uint8_t, wire::kFrameHeaderBytes> header{};
    const auto [short_header, header_size] =
        co_await asio::async_read(socket, asio::buffer(header), kAwait);
    const auto length = wire::frame_length(header, wire::kMaxHelloFrameBytes);
    if (!short_header && length) {
      std::vector<std::uint8_t> body(*length);
      const auto [short_body, body_size] =
          co_await asio::async_read(socket, asio::buffer(body), kAwait);
      auto envelope = wire::decode(body);
      auto* request = envelope ? std::get_if<wire::AdminRequest>(&*envelope) : nullptr;
      wire::AdminReply reply = problem("the command could not be understood");
      if (!short_body && request != nullptr) {
        name_peer(socket, *request);
        auto work = [this, request] { return handler_(*request); };
        reply = co_await run_on(pool_, work);
      }
      const std::string frame = wire::encode_frame(reply);
      const auto [failed, written] =
          co_await asio::async_write(socket, asio::buffer(frame), kAwait);
      static_cast<void>(failed);
    }
    sockets_.erase(&socket);
  }

  asio::io_context& io_;
  asio::thread_pool& pool_;
  std::string path_;
  AdminHandler handler_;
  std::optional<Local::acceptor> acceptor_;
  std::set<Local::socket*> sockets_;
  bool stopping_ = false;
};

AdminServer::AdminServer(boost::asio::io_context& io, boost::asio::thread_pool& pool,
                         std::string socket_path, AdminHandler handler)
    : impl_(std::make_unique<Impl>(io, pool, std::move(socket_path), std::move(handler))) {}

AdminServer::~AdminServer() = default;

Result<Ok, IoError> AdminServer::start() {
  return impl_->start();
}
void AdminServer::stop() {
  impl_->stop();
}

}  // namespace gnomon
