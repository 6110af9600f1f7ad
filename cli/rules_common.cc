#include "cli/rules_common.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "cli/commands.h"
#include "core/clock.h"
#include "core/domain_name.h"
#include "core/rulebook/compile.h"

namespace gnomon::cli {

int complain(const std::string& text) {
  std::cerr << "gnomon: " << text << "\n";
  return kImpossible;
}

std::optional<std::string> read_text(const std::string& path) {
  std::ifstream stream{path, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{stream}, {}};
  if (!stream) {
    complain("cannot read " + path);
    return std::nullopt;
  }
  return text;
}

bool write_bytes(const std::string& path, Bytes bytes, bool secret) {
  const std::string fresh = path + ".new";
  const int file = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                          secret ? 0600 : 0644);
  bool ok = file >= 0;
  while (ok && !bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    ok = written > 0;
    bytes = bytes.subspan(ok ? static_cast<std::size_t>(written) : 0);
  }
  ok = file >= 0 && ::fsync(file) == 0 && ok;
  ok = file >= 0 && ::close(file) == 0 && ok;
  std::error_code error;
  if (ok) {
    std::filesystem::rename(fresh, path, error);
  }
  if (!ok || error) {
    complain("cannot write " + path);
    return false;
  }
  return true;
}

std::optional<SecretKey> read_key(const std::string& path) {
  const auto text = read_text(path);
  auto key = text ? SecretKey::from_text(*text) : std::nullopt;
  if (text && !key) {
    complain(path + " is not a secret key made by `gnomon rules keygen`");
  }
  return key;
}

LoadOptions load_options(const std::string& suffixes) {
  LoadOptions options;
  options.today = std::chrono::floor<std::chrono::days>(SystemClock{}.wall());
  if (!suffixes.empty()) {
    options.suffix_file = suffixes;
  }
  return options;
}

WallTime source_time() {
  // Read once at start, before any thread.
  if (const char* epoch = std::getenv("SOURCE_DATE_EPOCH")) {  // NOLINT(concurrency-mt-unsafe)
    std::int64_t seconds = 0;
    const std::string_view text{epoch};
    if (std::from_chars(text.data(), text.data() + text.size(), seconds).ec == std::errc{}) {
      return WallTime{std::chrono::seconds{seconds}};
    }
  }
  return SystemClock{}.wall();
}

std::optional<WallTime> parse_time(const std::string& text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;
  int used = 0;
  const int count = std::sscanf(text.c_str(), "%4d-%2u-%2u%n", &year, &month, &day,
                                &used);  // NOLINT(cert-err34-c)
  if (count != 3) {
    return std::nullopt;
  }
  const std::string rest = text.substr(static_cast<std::size_t>(used));
  if (!rest.empty()) {
    int tail = 0;
    if (std::sscanf(rest.c_str(), "T%2u:%2u:%2uZ%n", &hour, &minute, &second, &tail) !=
            3 ||  // NOLINT(cert-err34-c)
        static_cast<std::size_t>(tail) != rest.size()) {
      return std::nullopt;
    }
  }
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month},
                                         std::chrono::day{day}};
  if (!date.ok() || year < 1970 || year > 2199 || hour > 23 || minute > 59 || second > 59) {
    return std::nullopt;
  }
  return WallTime{std::chrono::sys_days{date}} + std::chrono::hours{hour} +
         std::chrono::minutes{minute} + std::chrono::seconds{second};
}

std::string format_time(WallTime time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{days};
  const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::seconds>(time - days)};
  char text[64];
  static_cast<void>(std::snprintf(
      text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count())));
  return text;
}

void print_findings(const std::vector<Finding>& findings, bool totals) {
  std::size_t errors = 0;
  for (const Finding& finding : findings) {
    std::cout << finding.to_line() << "\n";
    errors += finding.severity == Severity::error ? 1 : 0;
  }
  if (totals) {
    std::cout << errors << " errors, " << findings.size() - errors << " warnings\n";
  }
}

std::string json_quote(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      if (c == '"' || c == '\\') {
        out += '\\';
        out += text[i];
      } else if (c < 0x20) {
        char escape[8];
        static_cast<void>(std::snprintf(escape, sizeof escape, "\\u%04x", c));
        out += escape;
      } else {
        out += text[i];
      }
      ++i;
      continue;
    }
    const std::size_t length = c >= 0xf0 && c < 0xf5 ? 4 : c >= 0xe0 ? 3 : 2;
    bool valid = c >= 0xc2 && c < 0xf5 && i + length <= text.size();
    for (std::size_t n = 1; valid && n < length; ++n) {
      valid = (static_cast<unsigned char>(text[i + n]) & 0xc0) == 0x80;
    }
    out += valid ? text.substr(i, length) : std::string_view{"\xef\xbf\xbd"};
    i += valid ? length : 1;
  }
  return out + "\"";
}

std::string normal_host(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  if (text.starts_with('[')) {
    return {};
  }
  return host_of(text);
}

std::shared_ptr<const RulePack> pack_or_rules(const PackPlace& place, const std::string& folder) {
  if (folder.empty()) {
    const auto pack = load_pack(place);
    if (!pack) {
      complain(pack.error().text);
      return nullptr;
    }
    return *pack;
  }
  const LoadedRules loaded = load_rules(folder, load_options(""));
  if (loaded.book.content.rules.empty()) {
    print_findings(loaded.findings);
    complain("there are no rules in " + folder);
    return nullptr;
  }
  return preview(loaded.book);
}

}  // namespace gnomon::cli
