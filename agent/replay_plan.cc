#include "agent/replay_plan.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

#include "agent/capture/first_packet.h"
#include "core/check.h"
#include "core/file.h"

namespace gnomon {
namespace {

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
};

class Sha256 {
 public:
  Sha256() : context_(::EVP_MD_CTX_new()) {
    GNOMON_CHECK(context_ && ::EVP_DigestInit_ex(context_.get(), ::EVP_sha256(), nullptr) == 1);
  }
  void add(Bytes bytes) {
    GNOMON_CHECK(::EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
  }
  ReplayId finish() {
    ReplayId id{};
    unsigned size = 0;
    GNOMON_CHECK(::EVP_DigestFinal_ex(context_.get(), id.data(), &size) == 1 && size == id.size());
    return id;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, FreeDigest> context_;
};

std::optional<unsigned> digits(std::string_view text, std::size_t from, std::size_t count) {
  unsigned value = 0;
  const char* begin = text.data() + from;
  const auto [end, error] = std::from_chars(begin, begin + count, value);
  return error == std::errc{} && end == begin + count ? std::optional{value} : std::nullopt;
}

}  // namespace

Result<std::vector<PlannedCapture>, CaptureError> plan_captures(
    const std::vector<std::string>& paths) {
  std::vector<PlannedCapture> captures;
  for (const std::string& path : paths) {
    PlannedCapture capture{path, std::nullopt};
    const auto first = first_packet_time(path);
    if (first) {
      capture.first = *first;
    } else if (first.error().kind != CaptureError::Kind::damaged) {
      return Failure{first.error()};
    }
    captures.push_back(std::move(capture));
  }
  std::stable_sort(captures.begin(), captures.end(),
                   [](const PlannedCapture& a, const PlannedCapture& b) {
                     return a.first.value_or(WallTime::max()) < b.first.value_or(WallTime::max());
                   });
  return captures;
}

Result<ReplayId, IoError> replay_id(const std::vector<PlannedCapture>& captures,
                                    std::string_view terms) {
  constexpr std::size_t kPiece = 1 << 20;
  PosixFileSystem files;
  Sha256 hash;
  hash.add(bytes_of(terms));
  std::vector<std::uint8_t> piece(kPiece);
  for (const PlannedCapture& capture : captures) {
    const auto file = files.open(capture.path, OpenMode::read);
    if (!file) {
      return Failure{file.error()};
    }
    std::uint64_t offset = 0;
    for (;;) {
      const auto size = (*file)->read_at(offset, piece);
      if (!size) {
        return Failure{size.error()};
      }
      hash.add(Bytes{piece}.first(*size));
      offset += *size;
      if (*size < piece.size()) {
        break;
      }
    }
    // So that where one file ends and the next begins is part of the hash.
    hash.add(bytes_of("|" + std::to_string(offset)));
  }
  return hash.finish();
}

std::optional<WallTime> parse_time(std::string_view text) {
  if (!text.empty() && text.back() == 'Z') {
    text.remove_suffix(1);
  }
  const bool seconds = text.size() == 19;
  if ((text.size() != 16 && !seconds) || text[4] != '-' || text[7] != '-' ||
      (text[10] != 'T' && text[10] != ' ') || text[13] != ':' || (seconds && text[16] != ':')) {
    return std::nullopt;
  }
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2);
  const auto minute = digits(text, 14, 2);
  const auto second = seconds ? digits(text, 17, 2) : std::optional{0U};
  if (!year || !month || !day || !hour || !minute || !second || *hour > 23 || *minute > 59 ||
      *second > 59) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(*year)},
                                         std::chrono::month{*month}, std::chrono::day{*day}};
  if (!date.ok() || *year < 1970 || *year > 2200) {
    return std::nullopt;
  }
  return WallTime{std::chrono::sys_days{date}} + std::chrono::hours{*hour} +
         std::chrono::minutes{*minute} + std::chrono::seconds{*second};
}

}  // namespace gnomon
