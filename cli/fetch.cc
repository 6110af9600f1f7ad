#include "cli/fetch.h"

#include <curl/curl.h>

#include <memory>

namespace gnomon::cli {
namespace {

constexpr long kWithinSeconds = 30;

// Body collects what arrives, up to its limit.
struct Body {
  std::string text;
  std::size_t limit = 0;
};

std::size_t collect(const char* data, std::size_t size, std::size_t count, void* into) {
  Body& body = *static_cast<Body*>(into);
  const std::size_t bytes = size * count;
  if (bytes > body.limit - body.text.size()) {
    return 0;  // ends the transfer with an error
  }
  body.text.append(data, bytes);
  return bytes;
}

}  // namespace

Result<std::string, std::string> fetch(const std::string& url, std::size_t limit) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl{curl_easy_init(),
                                                                 &curl_easy_cleanup};
  if (curl == nullptr) {
    return Failure<std::string>{"libcurl cannot be used"};
  }
  Body body;
  body.limit = limit;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, kWithinSeconds);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "127.0.0.1,localhost,::1");
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &collect);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
  if (const CURLcode code = curl_easy_perform(curl.get()); code != CURLE_OK) {
    return Failure<std::string>{url + ": " + curl_easy_strerror(code)};
  }
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) {
    return Failure<std::string>{url + " answered with status " + std::to_string(status)};
  }
  return std::move(body.text);
}

}  // namespace gnomon::cli
