#include "collector/http/server.h"

#include <atomic>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "core/log.h"
#include "core/net/await.h"
#include "core/net/listen.h"
#include "core/net/run_on.h"

namespace gnomon {
namespace {

namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using Tcp = asio::ip::tcp;

constexpr std::size_t kAnswerThreads = 2;

// What is told to a client whose request cannot be read.
struct Refusal {
  unsigned status = 400;
  const char* reason = "malformed";
};

std::string text(boost::core::string_view part) {
  return {part.data(), part.size()};
}

Refusal refusal_of(const boost::system::error_code& error) {
  if (error == bhttp::error::header_limit || error == bhttp::error::buffer_overflow) {
    return {431, "header-too-large"};
  }
  if (error == bhttp::error::body_limit) {
    return {413, "body-too-large"};
  }
  return {400, "malformed"};
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(HttpAnswerer answer, Counters& counters, HttpOptions options)
      : answer_(std::move(answer)),
        options_(std::move(options)),
        counters_(counters),
        requests_(counters.counter("http_requests_total", "HTTP requests answered")),
        refused_full_(refused("connections")),
        refused_header_(refused("header-too-large")),
        refused_body_(refused("body-too-large")),
        refused_malformed_(refused("malformed")),
        refused_slow_(refused("slow")),
        pool_(kAnswerThreads) {}

  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<Ok, IoError> start() {
    auto bound = listen_on(io_.get_executor(), options_.address);
    if (!bound) {
      return Failure{bound.error()};
    }
    acceptor_.emplace(std::move(*bound));
    boost::system::error_code ignored;
    port_ = acceptor_->local_endpoint(ignored).port();
    asio::co_spawn(io_, accept(), logged);
    thread_ = std::thread([this] { io_.run(); });
    return Ok{};
  }

  std::uint16_t port() const { return port_; }

  void stop() {
    io_.stop();
    if (thread_.joinable()) {
      thread_.join();
    }
    pool_.join();
  }

 private:
  Counter& refused(std::string_view reason) {
    return counters_.counter("http_refused_total",
                             "HTTP connections and requests refused, by reason",
                             {{"reason", reason}});
  }

  static void logged(const std::exception_ptr& thrown) {
    if (thrown) {
      log::error("http.failed");
    }
  }

  asio::awaitable<void> accept() {
    asio::steady_timer pause(io_);
    for (;;) {
      auto accepted = co_await acceptor_->async_accept(kAwait);
      auto& [error, socket] = accepted;
      if (error) {
        if (error == asio::error::operation_aborted) {
          co_return;
        }
        // Out of descriptors, most likely: waiting helps, spinning does not.
        pause.expires_after(std::chrono::milliseconds{100});
        co_await pause.async_wait(kAwait);
        continue;
      }
      if (connections_ >= options_.max_connections) {
        refused_full_.add();
        continue;
      }
      ++connections_;
      auto conversation = serve(std::move(socket));
      asio::co_spawn(io_, std::move(conversation), [this](const std::exception_ptr& thrown) {
        --connections_;
        logged(thrown);
      });
    }
  }

  asio::awaitable<void> serve(Tcp::socket socket) {
    beast::tcp_stream stream(std::move(socket));
    beast::flat_buffer buffer(options_.max_header_bytes + options_.max_body_bytes);
    bool keep = true;
    while (keep) {
      bhttp::request_parser<bhttp::string_body> parser;
      parser.header_limit(static_cast<std::uint32_t>(options_.max_header_bytes));
      parser.body_limit(options_.max_body_bytes);
      // A connection may be quiet for long, but a request that has begun has to come.
      stream.expires_after(options_.idle_for);
      if (buffer.size() == 0) {
        auto room = buffer.prepare(1);
        auto [quiet, size] = co_await stream.async_read_some(room, kAwait);
        if (quiet) {
          co_return;
        }
        buffer.commit(size);
      }
      stream.expires_after(options_.request_within);
      auto [error, size] = co_await bhttp::async_read(stream, buffer, parser, kAwait);
      if (error == beast::error::timeout) {
        refused_slow_.add();
        co_return;
      }
      if (error == bhttp::error::end_of_stream || error == bhttp::error::partial_message) {
        co_return;
      }
      if (error) {
        co_await refuse(stream, refusal_of(error));
        co_return;
      }
      keep = co_await respond(stream, parser.get());
    }
  }

  // respond answers one request; false when the connection is over.
  asio::awaitable<bool> respond(beast::tcp_stream& stream,
                                const bhttp::request<bhttp::string_body>& request) {
    HttpRequest asked;
    asked.method = text(request.method_string());
    asked.target = text(request.target());
    asked.host = text(request[bhttp::field::host]);
    asked.if_none_match = text(request[bhttp::field::if_none_match]);
    const bool head = request.method() == bhttp::verb::head;
    auto work = [this, &asked] { return answer_(asked); };
    HttpResponse made = co_await run_on(pool_, work);
    requests_.add();

    bhttp::response<bhttp::string_body> response;
    response.version(request.version());
    response.result(made.status);
    if (!made.content_type.empty() && made.status != 304) {
      response.set(bhttp::field::content_type, made.content_type);
    }
    for (const auto& [name, value] : made.headers) {
      response.set(name, value);
    }
    response.keep_alive(request.keep_alive());
    const std::size_t length = made.body.size();
    if (!head) {
      response.body() = std::move(made.body);
    }
    if (made.status != 304) {
      response.content_length(length);
    }
    co_return co_await write(stream, response, head);
  }

  asio::awaitable<bool> write(beast::tcp_stream& stream,
                              bhttp::response<bhttp::string_body>& response, bool head) {
    stream.expires_after(options_.request_within);
    bhttp::response_serializer<bhttp::string_body> serializer(response);
    // A HEAD's answer states a length that does not follow.
    serializer.split(head);
    boost::system::error_code failed;
    if (head) {
      auto [error, size] = co_await bhttp::async_write_header(stream, serializer, kAwait);
      failed = error;
    } else {
      auto [error, size] = co_await bhttp::async_write(stream, serializer, kAwait);
      failed = error;
    }
    co_return !failed && response.keep_alive();
  }

  asio::awaitable<void> refuse(beast::tcp_stream& stream, Refusal refusal) {
    (refusal.status == 431   ? refused_header_
     : refusal.status == 413 ? refused_body_
                             : refused_malformed_)
        .add();
    bhttp::response<bhttp::string_body> response;
    response.version(11);
    response.result(refusal.status);
    response.set(bhttp::field::content_type, "text/plain");
    response.set("X-Content-Type-Options", "nosniff");
    response.keep_alive(false);
    response.body() = std::string{refusal.reason} + "\n";
    response.prepare_payload();
    static_cast<void>(co_await write(stream, response, false));
    boost::system::error_code ignored;
    stream.socket().shutdown(Tcp::socket::shutdown_send, ignored);
  }

  HttpAnswerer answer_;
  HttpOptions options_;
  Counters& counters_;
  Counter& requests_;
  Counter& refused_full_;
  Counter& refused_header_;
  Counter& refused_body_;
  Counter& refused_malformed_;
  Counter& refused_slow_;
  std::uint16_t port_ = 0;

  // The I/O thread's. The pool outlives the coroutines that wait for it.
  asio::thread_pool pool_;
  asio::io_context io_{1};
  std::optional<Tcp::acceptor> acceptor_;
  std::size_t connections_ = 0;
  std::thread thread_;
};

HttpServer::HttpServer(HttpAnswerer answer, Counters& counters, HttpOptions options)
    : impl_(std::make_unique<Impl>(std::move(answer), counters, std::move(options))) {}

HttpServer::~HttpServer() = default;

Result<Ok, IoError> HttpServer::start() {
  return impl_->start();
}

std::uint16_t HttpServer::port() const {
  return impl_->port();
}

void HttpServer::stop() {
  impl_->stop();
}

}  // namespace gnomon
