#include "agent/spool/spool_names.h"

#include <array>
#include <cinttypes>
#include <cstdio>

#include "agent/spool/crc32c.h"
#include "core/file.h"

namespace gnomon {
namespace {

constexpr std::string_view kSuffix = ".seg";

std::string hex16(std::uint64_t value) {
  std::array<char, 17> text{};
  static_cast<void>(std::snprintf(text.data(), text.size(), "%016" PRIx64, value));
  return text.data();
}

std::optional<std::uint64_t> parse_hex16(std::string_view text) {
  std::uint64_t value = 0;
  if (text.size() != 16) {
    return std::nullopt;
  }
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit && !(c >= 'a' && c <= 'f')) {
      return std::nullopt;
    }
    value = value << 4 | static_cast<std::uint64_t>(digit ? c - '0' : c - 'a' + 10);
  }
  return value;
}

}  // namespace

std::string to_string(const SegmentName& name) {
  return hex16(name.epoch) + '-' + hex16(name.first) + std::string{kSuffix};
}

std::optional<SegmentName> parse_segment_name(std::string_view name) {
  if (name.size() != 37 || name[16] != '-' || name.substr(33) != kSuffix) {
    return std::nullopt;
  }
  const auto epoch = parse_hex16(name.substr(0, 16));
  const auto first = parse_hex16(name.substr(17, 16));
  if (!epoch || !first || *first == 0) {
    return std::nullopt;
  }
  return SegmentName{*epoch, *first};
}

std::string checked_words(std::initializer_list<std::uint64_t> words) {
  std::string line;
  for (const std::uint64_t word : words) {
    line += hex16(word) + ' ';
  }
  return line + hex16(crc32c(bytes_of(line))) + '\n';
}

std::vector<std::uint64_t> parse_checked_words(std::string_view text) {
  std::vector<std::uint64_t> words;
  if (text.size() % 17 != 0 || text.size() < 34 || text.back() != '\n') {
    return {};
  }
  for (std::size_t at = 0; at < text.size(); at += 17) {
    const auto word = parse_hex16(text.substr(at, 16));
    if (!word) {
      return {};
    }
    words.push_back(*word);
  }
  const std::uint64_t crc = words.back();
  words.pop_back();
  return crc == crc32c(bytes_of(text.substr(0, text.size() - 17))) ? words
                                                                   : std::vector<std::uint64_t>{};
}

}  // namespace gnomon
