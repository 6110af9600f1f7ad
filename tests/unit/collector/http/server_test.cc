#include "collector/http/server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "tests/support/catch.h"
#include "tests/support/eventually.h"

using namespace gnomon;
namespace asio = boost::asio;

namespace {

// Running is a server on a free port that answers with what it was asked.
struct Running {
  explicit Running(HttpOptions options = {}) : server(answerer(), counters, with_port_0(options)) {
    REQUIRE(server.start());
  }

  static HttpAnswerer answerer() {
    return [](const HttpRequest& request) {
      return HttpResponse{200, "text/plain", request.method + " " + request.target + "\n", {}};
    };
  }
  static HttpOptions with_port_0(HttpOptions options) {
    options.address.port = 0;
    return options;
  }

  // talk sends `text` and reads until the server closes.
  std::string talk(const std::string& text) const {
    asio::io_context io;
    asio::ip::tcp::socket socket(io);
    socket.connect({asio::ip::address_v4::loopback(), server.port()});
    asio::write(socket, asio::buffer(text));
    boost::system::error_code ended;
    std::string answer;
    asio::read(socket, asio::dynamic_buffer(answer), ended);
    return answer;
  }

  Counters counters;
  HttpServer server;
};

}  // namespace

TEST_CASE("HttpServer: several requests of one connection are answered in order",
          "[collector][http]") {
  const Running running;
  const std::string answer = running.talk(
      "GET /one HTTP/1.1\r\nHost: localhost\r\n\r\n"
      "GET /two HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const auto one = answer.find("GET /one\n");
  const auto two = answer.find("GET /two\n");
  REQUIRE(one != std::string::npos);
  REQUIRE(two != std::string::npos);
  CHECK(one < two);
}

TEST_CASE("HttpServer: HEAD states a length and sends no body", "[collector][http]") {
  const Running running;
  const std::string answer =
      running.talk("HEAD /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  CHECK(answer.find("200 OK") != std::string::npos);
  CHECK(answer.find("Content-Length: 8") != std::string::npos);
  CHECK(answer.substr(answer.size() - 4) == "\r\n\r\n");
}

TEST_CASE("HttpServer: too large and broken requests are refused and counted",
          "[collector][http]") {
  const Running running;
  CHECK(running.talk("GET / HTTP/1.1\r\nX: " + std::string(9000, 'x') + "\r\n\r\n").find("431") !=
        std::string::npos);
  CHECK(running.talk("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000\r\n\r\n")
            .find("413") != std::string::npos);
  CHECK(running.talk("nonsense\r\n\r\n").find("400") != std::string::npos);
  CHECK(running.counters.value("http_refused_total{reason=\"header-too-large\"}") == 1);
  CHECK(running.counters.value("http_refused_total{reason=\"body-too-large\"}") == 1);
  CHECK(running.counters.value("http_refused_total{reason=\"malformed\"}") == 1);
}

TEST_CASE("HttpServer: a request that does not come to its end is cut off", "[collector][http]") {
  HttpOptions options;
  options.request_within = std::chrono::seconds{1};
  const Running running{options};
  CHECK(running.talk("GET / HTTP/1.1\r\nHost: loc").empty());
  // The socket is closed a moment before the conversation learns of it and counts.
  CHECK(gnomon::testing::eventually(
      [&] { return running.counters.value("http_refused_total{reason=\"slow\"}") == 1; }));
}

TEST_CASE("HttpServer: connections over the limit are closed at once", "[collector][http]") {
  HttpOptions options;
  options.max_connections = 0;
  const Running running{options};
  CHECK(running.talk("").empty());
  CHECK(running.counters.value("http_refused_total{reason=\"connections\"}") == 1);
}

TEST_CASE("HttpServer: a port in use is named", "[collector][http]") {
  const Running running;
  HttpOptions options;
  options.address.port = running.server.port();
  Counters counters;
  HttpServer second{Running::answerer(), counters, options};
  const auto started = second.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().path.find(std::to_string(running.server.port())) != std::string::npos);
}
