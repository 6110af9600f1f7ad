#include "core/catalog/trust.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>

namespace gnomon {
namespace {

constexpr std::string_view kHead = "gnomon-root 1\n";
// What is signed begins with this, so that no other signature of the same key fits.
constexpr std::string_view kDomain = "gnomon root record v1\n";

PackError bad(std::string text) {
  return {PackFault::bad_signature, std::move(text)};
}

// Line is one "word value" of a record.
struct Line {
  std::string_view word;
  std::string_view value;
};

std::optional<Line> next_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view text = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  const std::size_t space = text.find(' ');
  if (space == std::string_view::npos) {
    return std::nullopt;
  }
  return Line{text.substr(0, space), text.substr(space + 1)};
}

template <typename T>
bool number(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

bool add_key(std::string_view hex, std::vector<SignerKey>& keys) {
  auto key = bytes_from_hex(hex);
  if (!key || key->size() != kKeyBytes || keys.size() >= kMaxKeys ||
      std::find(keys.begin(), keys.end(), *key) != keys.end()) {
    return false;
  }
  keys.push_back(std::move(*key));
  return true;
}

bool read_field(const Line& line, TrustedKeys& keys) {
  if (line.word == "version") {
    return number(line.value, keys.root_version) && keys.root_version > 0;
  }
  if (line.word == "expires") {
    std::int64_t seconds = 0;
    // Beyond the year 2200 nanoseconds would not fit.
    if (!number(line.value, seconds) || seconds < 0 || seconds > 7'258'118'400) {
      return false;
    }
    keys.root_expires = WallTime{std::chrono::seconds{seconds}};
    return true;
  }
  if (line.word == "root-threshold") {
    return number(line.value, keys.root_threshold) && keys.root_threshold > 0;
  }
  if (line.word == "pack-threshold") {
    return number(line.value, keys.threshold) && keys.threshold > 0;
  }
  if (line.word == "root-key") {
    return add_key(line.value, keys.root_keys);
  }
  return line.word == "pack-key" && add_key(line.value, keys.keys);
}

// Record is a parsed root record whose signatures are not checked yet.
struct Record {
  TrustedKeys keys;
  std::string_view signed_text;
  std::vector<std::vector<std::uint8_t>> signatures;
};

Result<Record, PackError> parse_record(std::string_view text) {
  if (text.size() > kMaxTrustBytes) {
    return Failure{PackError{PackFault::too_large, "the trust file is over 16 KiB"}};
  }
  if (!text.starts_with(kHead)) {
    return Failure{PackError{PackFault::not_a_pack, "this is not a trust file"}};
  }
  Record record;
  record.keys.root_text = std::string{text};
  std::string_view rest = text.substr(kHead.size());
  while (!rest.empty()) {
    const std::size_t begin = text.size() - rest.size();
    const auto line = next_line(rest);
    if (!line) {
      return Failure{
          PackError{PackFault::truncated, "the trust file ends in the middle of a line"}};
    }
    if (line->word == "signature") {
      auto signature = bytes_from_hex(line->value);
      if (!signature || signature->size() != kSignatureBytes ||
          record.signatures.size() >= 2 * kMaxKeys) {
        return Failure{
            PackError{PackFault::damaged, "a signature of the trust file is unreadable"}};
      }
      if (record.signatures.empty()) {
        record.signed_text = text.substr(0, begin);
      }
      record.signatures.push_back(std::move(*signature));
    } else if (!record.signatures.empty() || !read_field(*line, record.keys)) {
      return Failure{PackError{PackFault::damaged, "a line of the trust file is unreadable"}};
    }
  }
  const TrustedKeys& keys = record.keys;
  if (keys.root_version == 0 || !keys.root_expires || keys.root_keys.size() < keys.root_threshold ||
      keys.keys.size() < keys.threshold) {
    return Failure{
        PackError{PackFault::damaged, "the trust file lacks a version, an expiry or keys"}};
  }
  return record;
}

std::string message_of(std::string_view signed_text) {
  return std::string{kDomain} + std::string{signed_text};
}

bool signed_by(const Record& record, const std::vector<SignerKey>& keys, std::uint32_t threshold) {
  const std::string message = message_of(record.signed_text);
  const auto signers = std::count_if(keys.begin(), keys.end(), [&](const SignerKey& key) {
    return std::any_of(
        record.signatures.begin(), record.signatures.end(),
        [&](const auto& signature) { return verify(key, bytes_of(message), signature); });
  });
  return static_cast<std::uint64_t>(signers) >= threshold;
}

}  // namespace

Result<TrustedKeys, PackError> parse_trust(std::string_view text) {
  auto record = parse_record(text);
  if (!record) {
    return Failure{record.error()};
  }
  if (!signed_by(*record, record->keys.root_keys, record->keys.root_threshold)) {
    return Failure{bad("the trust file is not signed by enough of its own root keys")};
  }
  return std::move(record->keys);
}

Result<TrustedKeys, PackError> read_trust(const std::string& path) {
  std::ifstream stream{path, std::ios::binary};
  if (!stream) {
    return Failure{PackError{PackFault::unreadable, "cannot read the trust file " + path}};
  }
  std::string text(kMaxTrustBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return parse_trust(text);
}

Result<Ok, PackError> write_trust(const std::string& path, const TrustedKeys& keys) {
  const std::string fresh = path + ".new";
  std::ofstream stream{fresh, std::ios::binary | std::ios::trunc};
  stream << keys.root_text;
  stream.close();
  std::error_code error;
  if (stream) {
    std::filesystem::rename(fresh, path, error);
  }
  if (!stream || error) {
    return Failure{PackError{PackFault::unreadable, "cannot write the trust file " + path}};
  }
  return Ok{};
}

Result<TrustedKeys, PackError> follow_roots(const TrustedKeys& trusted,
                                            const std::vector<std::string_view>& records,
                                            std::optional<WallTime> now) {
  TrustedKeys current = trusted;
  for (const std::string_view text : records) {
    auto record = parse_record(text);
    if (!record) {
      return Failure{record.error()};
    }
    if (current.root_version == 0 || record->keys.root_version <= current.root_version) {
      continue;  // keys without a root cannot be replaced; older records are known already
    }
    if (record->keys.root_version != current.root_version + 1) {
      return Failure{bad("the pack's root records leave a version out")};
    }
    if (!signed_by(*record, current.root_keys, current.root_threshold) ||
        !signed_by(*record, record->keys.root_keys, record->keys.root_threshold)) {
      return Failure{bad("a root record in the pack is not signed by enough trusted root keys")};
    }
    current = std::move(record->keys);
  }
  if (now && current.root_expires && *current.root_expires <= *now) {
    return Failure{
        PackError{PackFault::expired, "the trusted root has expired; a newer one is due"}};
  }
  return current;
}

std::string make_root(const TrustedKeys& keys, const std::vector<SecretKey>& signers) {
  const WallTime expires = keys.root_expires.value_or(WallTime{});
  std::string text{kHead};
  text += "version " + std::to_string(keys.root_version) + "\n";
  text +=
      "expires " +
      std::to_string(std::chrono::floor<std::chrono::seconds>(expires).time_since_epoch().count()) +
      "\n";
  text += "root-threshold " + std::to_string(keys.root_threshold) + "\n";
  for (const SignerKey& key : keys.root_keys) {
    text += "root-key " + to_hex(key) + "\n";
  }
  text += "pack-threshold " + std::to_string(keys.threshold) + "\n";
  for (const SignerKey& key : keys.keys) {
    text += "pack-key " + to_hex(key) + "\n";
  }
  const std::string message = message_of(text);
  for (const SecretKey& signer : signers) {
    text += "signature " + to_hex(signer.sign(bytes_of(message))) + "\n";
  }
  return text;
}

}  // namespace gnomon
