#include "collector/overlay_keys.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "core/log.h"

namespace gnomon {
namespace {

constexpr std::size_t kMaxKeyText = 4096;
// The trust lasts as long as a collector may: it ends with the root authority's certificate, which
// is made at the same time.
constexpr std::chrono::days kTrustLife{20 * 365};

// path_of names a file of one generation; the first one's have no number.
std::string path_of(const std::string& folder, const char* stem, std::uint32_t generation,
                    const char* end) {
  return folder + "/" + stem + (generation == 1 ? "" : "-" + std::to_string(generation)) + end;
}

std::string key_path(const std::string& folder, std::uint32_t generation) {
  return path_of(folder, "overlay", generation, ".key");
}

std::string root_path(const std::string& folder, std::uint32_t generation) {
  return path_of(folder, "overlay-root", generation, ".key");
}

std::string record_path(const std::string& folder, std::uint32_t generation) {
  return path_of(folder, "overlay", generation, ".trust");
}

std::string newest_path(const std::string& folder) {
  return record_path(folder, 1);
}

Result<SecretKey, std::string> read_key(FileSystem& files, const std::string& path) {
  const auto text = read_whole_file(files, path, kMaxKeyText);
  if (!text) {
    return Failure{text.error().text()};
  }
  auto key = SecretKey::from_text(*text);
  if (!key) {
    return Failure{path + " is not a secret key; restore it from a backup"};
  }
  return std::move(*key);
}

// store puts a file in place, unless something failed before.
void store(FileSystem& files, const std::string& path, const std::string& text,
           std::optional<std::string>& problem) {
  if (problem) {
    return;
  }
  if (const auto stored = replace_file(files, path, text); !stored) {
    problem = stored.error().text();
  }
}

TrustedKeys names_of(const SecretKey& root, const SecretKey& key, std::uint32_t version,
                     WallTime now) {
  TrustedKeys keys;
  keys.root_version = version;
  keys.root_keys = {root.public_key()};
  keys.keys = {key.public_key()};
  keys.root_expires = std::chrono::floor<std::chrono::seconds>(now) + kTrustLife;
  return keys;
}

}  // namespace

Result<OverlayKeys, std::string> OverlayKeys::open(FileSystem& files, std::string folder,
                                                   WallTime now) {
  const auto there = files.exists(newest_path(folder));
  if (!there) {
    return Failure{there.error().text()};
  }
  if (!*there) {
    const SecretKey root = SecretKey::generate();
    SecretKey key = SecretKey::generate();
    const std::string record = make_root(names_of(root, key, 1, now), {root});
    std::optional<std::string> problem;
    store(files, root_path(folder, 1), root.to_text(), problem);
    store(files, key_path(folder, 1), key.to_text(), problem);
    store(files, newest_path(folder), record, problem);
    if (problem) {
      return Failure{std::move(*problem)};
    }
  }
  auto trust = read_trust(newest_path(folder));
  if (!trust) {
    return Failure{newest_path(folder) + ": " + trust.error().text};
  }
  const std::string path = key_path(folder, trust->root_version);
  auto key = read_key(files, path);
  if (!key) {
    return Failure{key.error()};
  }
  if (trust->keys != std::vector<SignerKey>{key->public_key()}) {
    return Failure{newest_path(folder) + " names another key than " + path +
                   "; restore both from a backup"};
  }
  std::vector<std::string> records;
  for (std::uint32_t version = 2; version <= trust->root_version; ++version) {
    const auto record = read_trust(record_path(folder, version));
    if (!record || record->root_version != version) {
      return Failure{record_path(folder, version) +
                     " is missing or not the record of that number; restore it from a backup"};
    }
    records.push_back(record->root_text);
  }
  return OverlayKeys{std::move(folder), std::move(*key), std::move(*trust), std::move(records)};
}

Result<Ok, std::string> OverlayKeys::replace(FileSystem& files, WallTime now) {
  const std::uint32_t version = trust_.root_version + 1;
  if (version > kMaxRootSteps) {
    return Failure{"the keys were replaced " + std::to_string(kMaxRootSteps - 1) +
                   " times, more records than an overlay can carry; agents must enrol again with a "
                   "new collector"};
  }
  const std::string old_root_path = root_path(folder_, trust_.root_version);
  const auto old_root = read_key(files, old_root_path);
  if (!old_root) {
    return Failure{"replacing needs the root's secret, " + old_root_path +
                   "; bring it back: " + old_root.error()};
  }
  const SecretKey root = SecretKey::generate();
  SecretKey key = SecretKey::generate();
  const std::string record = make_root(names_of(root, key, version, now), {root, *old_root});
  auto followed = follow_roots(trust_, {record}, std::nullopt);
  if (!followed) {
    return Failure{old_root_path + " is not the root that agents know; restore it from a backup"};
  }
  std::optional<std::string> problem;
  store(files, root_path(folder_, version), root.to_text(), problem);
  store(files, key_path(folder_, version), key.to_text(), problem);
  store(files, record_path(folder_, version), record, problem);
  // With this one the new pair is in force.
  store(files, newest_path(folder_), record, problem);
  if (problem) {
    return Failure{std::move(*problem)};
  }
  for (const std::string& old : {old_root_path, key_path(folder_, trust_.root_version)}) {
    if (const auto removed = files.remove(old); !removed) {
      log::warn("overlay.old_key_not_removed", {{"why", removed.error().text()}});
    }
  }
  key_ = std::move(key);
  trust_ = std::move(*followed);
  records_.push_back(record);
  return Ok{};
}

}  // namespace gnomon
