#include "agent/spool_key.h"

#include <cstdlib>
#include <optional>
#include <utility>
#include <vector>

#include "core/log.h"
#include "core/net/crypto.h"

namespace gnomon {
namespace {

constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kMaxCredential = 4096;
constexpr std::size_t kMinCredential = 16;
constexpr std::size_t kMaxMachineId = 4096;
constexpr const char* kKeyFilePurpose = "gnomon spool, key file";

class AesCipher final : public RecordCipher {
 public:
  explicit AesCipher(std::vector<std::string> keys) : keys_(std::move(keys)) {}

  std::string seal(std::string_view plain, std::string_view context) const override {
    return seal_aes_gcm(keys_.front(), plain, context);
  }

  std::optional<std::string> open(Bytes sealed, std::string_view context) const override {
    for (const std::string& key : keys_) {
      if (auto plain = open_aes_gcm(key, sealed, context)) {
        return plain;
      }
    }
    return std::nullopt;
  }

 private:
  std::vector<std::string> keys_;  // the first one seals
};

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) {
    text.pop_back();
  }
  return text;
}

// credential_key yields nothing when the service manager gives no credential of ours.
Result<std::optional<std::string>, IoError> credential_key(FileSystem& files,
                                                           const KeyPlaces& places) {
  if (places.credentials.empty()) {
    return std::optional<std::string>{};
  }
  const std::string path = places.credentials + "/" + kSpoolCredential;
  const auto there = files.exists(path);
  if (!there || !*there) {
    return std::optional<std::string>{};
  }
  const auto secret = read_whole_file(files, path, kMaxCredential);
  if (!secret) {
    return Failure{secret.error()};
  }
  if (secret->size() < kMinCredential) {
    return Failure{IoError{"read", path, std::make_error_code(std::errc::bad_message)}};
  }
  return std::optional{hkdf_sha256(*secret, "", "gnomon spool, credential")};
}

// file_secret yields the content of spool.key, made now if need be.
Result<std::optional<std::string>, IoError> file_secret(FileSystem& files, const std::string& path,
                                                        MissingKey missing) {
  const auto there = files.exists(path);
  if (!there) {
    return Failure{there.error()};
  }
  if (*there) {
    auto stored = read_whole_file(files, path, kKeyBytes);
    if (stored && stored->size() == kKeyBytes) {
      return std::optional{std::move(*stored)};
    }
    if (!stored && stored.error().code != std::errc::file_too_large) {
      return Failure{stored.error()};
    }
    if (missing == MissingKey::leave) {
      return std::optional<std::string>{};
    }
    log::error("spool.key_damaged", {{"now", "set aside; what it sealed is declared lost"}});
    if (auto moved = files.rename(path, path + ".damaged"); !moved) {
      return Failure{moved.error()};
    }
  }
  if (missing == MissingKey::leave) {
    return std::optional<std::string>{};
  }
  std::string secret = random_bytes(kKeyBytes);
  if (const auto stored = replace_file(files, path, secret); !stored) {
    return Failure{stored.error()};
  }
  return std::optional{std::move(secret)};
}

}  // namespace

KeyPlaces KeyPlaces::of_process() {
  KeyPlaces places;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before threads start
  if (const char* folder = std::getenv("CREDENTIALS_DIRECTORY"); folder != nullptr) {
    places.credentials = folder;
  }
  return places;
}

Result<SpoolKeys, IoError> open_spool_keys(FileSystem& files, const DataFolder& folder,
                                           const KeyPlaces& places, MissingKey missing) {
  std::vector<std::string> keys;
  std::string words;
  const auto credential = credential_key(files, places);
  if (!credential) {
    return Failure{credential.error()};
  }
  if (*credential) {
    keys.push_back(**credential);
    words = "encrypted with a key that the service manager keeps for this machine";
  }
  const auto secret = file_secret(files, folder.spool_key(), missing);
  if (!secret) {
    return Failure{secret.error()};
  }
  if (*secret) {
    const auto machine = read_whole_file(files, places.machine_id, kMaxMachineId);
    const std::string id = machine ? trimmed(*machine) : std::string{};
    keys.push_back(hkdf_sha256(**secret, id, kKeyFilePurpose));
    if (!id.empty()) {
      // What was stored before the system got its id, on the first start of an image.
      keys.push_back(hkdf_sha256(**secret, "", kKeyFilePurpose));
    }
    if (words.empty()) {
      words = id.empty() ? "encrypted with a key file; this system has no machine id to bind it to"
                         : "encrypted with a key file, bound to this machine's id";
    }
  }
  if (keys.empty()) {
    return SpoolKeys{nullptr, "no key yet"};
  }
  return SpoolKeys{std::make_unique<AesCipher>(std::move(keys)), std::move(words)};
}

}  // namespace gnomon
