// HttpServer: the listener of pages, API, metrics and health.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "collector/http/face.h"
#include "core/counters.h"
#include "core/io_error.h"
#include "core/net/host_port.h"
#include "core/result.h"

namespace gnomon {

// HttpOptions are the bounds of the listener.
struct HttpOptions {
  HostPort address{"127.0.0.1", 7480};
  std::size_t max_connections = 256;
  std::chrono::seconds request_within{10};  // from the first byte of a request to its last
  std::chrono::seconds idle_for{60};        // between two requests of one connection
  std::size_t max_header_bytes = 8192;      // nothing we answer needs more
  std::size_t max_body_bytes = 1024;        // nor a body at all
};

// HttpAnswerer makes a response; it is called on pool threads and may block.
using HttpAnswerer = std::function<HttpResponse(const HttpRequest&)>;

// HttpServer serves HTTP/1.1 on one I/O thread and two that make answers, all its own. Every
// refusal is counted, http_refused_total{reason}. The answerer and counters must outlive it.
class HttpServer {
 public:
  HttpServer(HttpAnswerer answer, Counters& counters, HttpOptions options);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();  // stops

  Result<Ok, IoError> start();
  std::uint16_t port() const;  // the one bound, once started
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gnomon
