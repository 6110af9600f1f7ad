#include "agent/evidence/maker.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace gnomon {
namespace {

// Program names of the browsers of Linux, Windows and macOS, lower-case.
constexpr std::array<std::string_view, 21> kBrowsers{
    "chrome",          "chromium",      "google-chrome",
    "chrome_crashpad", "firefox",       "firefox-esr",
    "firefox-bin",     "msedge",        "microsoft-edge",
    "brave",           "brave-browser", "opera",
    "vivaldi",         "vivaldi-bin",   "safari",
    "epiphany",        "falkon",        "librewolf",
    "konqueror",       "midori",        "arc"};

// What runs scripts; the beginning of the name is enough ("python3.11").
constexpr std::array<std::string_view, 12> kInterpreters{"python", "curl", "wget", "node",
                                                         "ruby",   "php",  "perl", "java",
                                                         "deno",   "bun",  "pwsh", "powershell"};

// offered_ciphers reads the count out of a JA4, "t13d1516h2_...": 15. Zero when there is none.
unsigned offered_ciphers(const std::string& ja4) {
  constexpr std::size_t kAt = 4;
  if (ja4.size() < kAt + 2) {
    return 0;
  }
  const auto digit = [&](std::size_t i) {
    const char c = ja4.at(i);
    return c >= '0' && c <= '9' ? static_cast<unsigned>(c - '0') : 0U;
  };
  return digit(kAt) * 10 + digit(kAt + 1);
}

}  // namespace

Maker maker_of(const Sighting& sighting) {
  const std::string& program = sighting.process.program;
  if (!program.empty()) {
    const auto begins = [&](std::string_view name) { return program.starts_with(name); };
    if (std::any_of(kBrowsers.begin(), kBrowsers.end(), begins)) {
      return Maker::browser;
    }
    if (sighting.hello && sighting.hello->ech != Ech::none) {
      return Maker::unknown;  // an installed client with a browser's engine inside
    }
    return std::any_of(kInterpreters.begin(), kInterpreters.end(), begins) ? Maker::script
                                                                           : Maker::program;
  }
  if (!sighting.hello) {
    return Maker::unknown;
  }
  // Every present Chrome, Edge and Firefox hello carries the ECH extension (reference: 73 of 73
  // recorded hellos); no common library does. Libraries for programs offer no HTTP/2 or /3, or a
  // long list of ciphers; JA4 says both ("t13d1516h2_...").
  const HelloDetail& hello = *sighting.hello;
  if (hello.ech != Ech::none) {
    return Maker::browser;
  }
  const bool web = std::any_of(hello.alpn.begin(), hello.alpn.end(), [](const std::string& alpn) {
    return alpn == "h2" || alpn == "h3";
  });
  // No browser offers more than 20 ciphers in TLS 1.3; OpenSSL's default list, and with it curl,
  // has 30 and more.
  constexpr unsigned kMoreThanBrowsers = 26;
  return web && offered_ciphers(hello.ja4) <= kMoreThanBrowsers ? Maker::unknown : Maker::script;
}

}  // namespace gnomon
