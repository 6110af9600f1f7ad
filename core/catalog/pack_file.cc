#include "core/catalog/pack_file.h"

#include <algorithm>
#include <fstream>

#include "core/byte_writer.h"
#include "core/catalog/trust.h"

namespace gnomon {
namespace {

constexpr std::string_view kMagic = "GNOMPACK";
constexpr std::uint16_t kFormat = 2;
constexpr std::size_t kManifestBytes = 4 + 8 + 8 + 2 + 4 + kSha256Bytes;
constexpr std::size_t kSignatureRecord = kKeyIdBytes + kSignatureBytes;
// More signatures than keys make no sense, and each costs time before anything is trusted.
constexpr std::size_t kMaxSignatures = kMaxKeys;
// Beyond the year 2200 nanoseconds would not fit WallTime.
constexpr std::uint64_t kMaxSeconds = 7'258'118'400;

PackError error(PackFault fault, std::string text) {
  return {fault, std::move(text)};
}

// Raw is the container split into its runs, sizes checked, nothing else.
struct Raw {
  PackKind kind = PackKind::catalogue;
  Bytes roots;
  Bytes manifest;
  Bytes signatures;
  Bytes body;
};

Result<Raw, PackError> split(Bytes file) {
  if (file.size() > kMaxPackBytes) {
    return Failure{error(PackFault::too_large, "the pack is over 16 MiB")};
  }
  const Bytes magic = file.first(std::min(file.size(), kMagic.size()));
  const Bytes wanted = bytes_of(kMagic).first(magic.size());
  if (!std::equal(magic.begin(), magic.end(), wanted.begin())) {
    return Failure{error(PackFault::not_a_pack, "this is not a rule pack")};
  }
  ByteReader reader{file};
  reader.skip(kMagic.size());
  const std::uint16_t format = reader.u16();
  const std::uint8_t kind = reader.u8();
  reader.skip(1);
  const std::size_t roots = reader.u32();
  const std::size_t manifest = reader.u32();
  const std::size_t signatures = reader.u32();
  const std::size_t body = reader.u32();
  if (!reader.ok()) {
    return Failure{error(PackFault::truncated, "the pack ends within its head")};
  }
  if (format != kFormat) {
    return Failure{error(PackFault::newer_format, "the pack has format " + std::to_string(format) +
                                                      "; this program knows format 2")};
  }
  Raw raw;
  raw.roots = reader.take(roots);
  raw.manifest = reader.take(manifest);
  raw.signatures = reader.take(signatures);
  raw.body = reader.take(body);
  if (!reader.ok()) {
    return Failure{error(PackFault::truncated, "the pack is shorter than its head says")};
  }
  if (!reader.empty() || manifest != kManifestBytes || signatures % kSignatureRecord != 0 ||
      signatures > kMaxSignatures * kSignatureRecord || (kind != 1 && kind != 2)) {
    return Failure{error(PackFault::damaged, "the pack's head does not fit its parts")};
  }
  raw.kind = static_cast<PackKind>(kind);
  return raw;
}

struct SignedManifest {
  Manifest manifest;
  std::size_t body_size = 0;
  Bytes body_digest;
};

Result<SignedManifest, PackError> read_manifest(Bytes bytes) {
  ByteReader reader{bytes};
  SignedManifest result;
  result.manifest.version = reader.u32();
  const std::uint64_t created = (std::uint64_t{reader.u32()} << 32) | reader.u32();
  const std::uint64_t expires = (std::uint64_t{reader.u32()} << 32) | reader.u32();
  result.manifest.needs_format = reader.u16();
  result.body_size = reader.u32();
  result.body_digest = reader.take(kSha256Bytes);
  if (!reader.ok() || created > kMaxSeconds || expires > kMaxSeconds) {
    return Failure{error(PackFault::damaged, "the pack's manifest is unreadable")};
  }
  result.manifest.created = WallTime{std::chrono::seconds{created}};
  result.manifest.expires = WallTime{std::chrono::seconds{expires}};
  return result;
}

// Whole seconds since 1970, as they stand in a manifest.
std::uint64_t seconds_of(WallTime time) {
  return static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
}

std::vector<std::uint8_t> signed_message(PackKind kind, Bytes manifest) {
  ByteWriter message;
  message.text(kind == PackKind::catalogue ? "gnomon catalogue pack v1\n"
                                           : "gnomon overlay pack v1\n");
  message.bytes(manifest);
  return message.take();
}

Result<std::vector<std::string_view>, PackError> split_roots(Bytes bytes) {
  std::vector<std::string_view> records;
  ByteReader reader{bytes};
  while (!reader.empty()) {
    const Bytes record = reader.take(reader.u32());
    if (!reader.ok() || records.size() >= kMaxRootSteps) {
      return Failure{error(PackFault::damaged, "the pack's root records are unreadable")};
    }
    records.emplace_back(reinterpret_cast<const char*>(record.data()), record.size());
  }
  return records;
}

bool signed_enough(Bytes signatures, Bytes message, const TrustedKeys& trusted) {
  std::uint32_t signers = 0;
  for (const SignerKey& key : trusted.keys) {
    const KeyId id = key_id(key);
    ByteReader reader{signatures};
    while (!reader.empty()) {
      const Bytes by = reader.take(kKeyIdBytes);
      const Bytes signature = reader.take(kSignatureBytes);
      if (std::equal(by.begin(), by.end(), id.begin()) && verify(key, message, signature)) {
        ++signers;  // once a key, however often it signed
        break;
      }
    }
  }
  return trusted.threshold > 0 && signers >= trusted.threshold;
}

Result<Ok, PackError> check_body(const SignedManifest& manifest, Bytes body) {
  const Sha256 digest = sha256(body);
  if (body.size() != manifest.body_size ||
      !std::equal(digest.begin(), digest.end(), manifest.body_digest.begin())) {
    return Failure{error(PackFault::damaged, "the pack's content is not what its manifest names")};
  }
  return Ok{};
}

}  // namespace

Result<OpenedPack, PackError> open_pack(Bytes file, PackKind kind, const TrustedKeys& trusted,
                                        const PackLimits& limits) {
  const auto raw = split(file);
  if (!raw) {
    return Failure{raw.error()};
  }
  if (raw->kind != kind) {
    return Failure{error(PackFault::wrong_kind, kind == PackKind::catalogue
                                                    ? "this pack is an overlay, not a catalogue"
                                                    : "this pack is a catalogue, not an overlay")};
  }
  const auto records = split_roots(raw->roots);
  if (!records) {
    return Failure{records.error()};
  }
  auto keys = follow_roots(trusted, *records, limits.now);
  if (!keys) {
    return Failure{keys.error()};
  }
  // Nothing of the manifest is believed before its signature is.
  if (!signed_enough(raw->signatures, signed_message(kind, raw->manifest), *keys)) {
    return Failure{
        error(PackFault::bad_signature, "the pack is not signed by enough trusted keys")};
  }
  const auto manifest = read_manifest(raw->manifest);
  if (!manifest) {
    return Failure{manifest.error()};
  }
  if (manifest->manifest.needs_format > kFormat) {
    return Failure{error(PackFault::newer_format, "the pack needs a newer program")};
  }
  if (manifest->manifest.version < limits.min_version) {
    return Failure{error(PackFault::older_version,
                         "the pack has version " + std::to_string(manifest->manifest.version) +
                             ", older than version " + std::to_string(limits.min_version) +
                             " that was seen before")};
  }
  if (limits.now && manifest->manifest.expires <= *limits.now) {
    return Failure{error(PackFault::expired, "the pack has expired; a newer one is due")};
  }
  if (const auto checked = check_body(*manifest, raw->body); !checked) {
    return Failure{checked.error()};
  }
  return OpenedPack{manifest->manifest, raw->body, std::move(*keys)};
}

Result<std::vector<std::uint8_t>, PackError> read_pack_bytes(const std::string& path) {
  std::ifstream stream{path, std::ios::binary | std::ios::ate};
  const std::streamoff size = stream ? static_cast<std::streamoff>(stream.tellg()) : -1;
  if (size < 0) {
    return Failure{error(PackFault::unreadable, "cannot read the rule pack " + path)};
  }
  if (static_cast<std::uint64_t>(size) > kMaxPackBytes) {
    return Failure{error(PackFault::too_large, "the pack is over 16 MiB")};
  }
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  stream.seekg(0);
  stream.read(reinterpret_cast<char*>(bytes.data()), size);
  if (stream.gcount() != size) {
    return Failure{error(PackFault::unreadable, "cannot read all of the rule pack " + path)};
  }
  return bytes;
}

std::vector<std::uint8_t> seal_pack(Bytes body, PackKind kind, const Manifest& manifest,
                                    const std::vector<std::string>& roots,
                                    const std::vector<SecretKey>& signers) {
  ByteWriter inner;
  inner.u32(manifest.version);
  inner.u64(seconds_of(manifest.created));
  inner.u64(seconds_of(manifest.expires));
  inner.u16(manifest.needs_format);
  inner.u32(static_cast<std::uint32_t>(body.size()));
  inner.bytes(sha256(body));
  const std::vector<std::uint8_t> manifest_bytes = inner.take();
  const std::vector<std::uint8_t> message = signed_message(kind, manifest_bytes);

  ByteWriter chain;
  for (const std::string& root : roots) {
    chain.u32(static_cast<std::uint32_t>(root.size()));
    chain.text(root);
  }
  ByteWriter file;
  file.text(kMagic);
  file.u16(kFormat);
  file.u8(static_cast<std::uint8_t>(kind));
  file.u8(0);
  file.u32(static_cast<std::uint32_t>(chain.size()));
  file.u32(static_cast<std::uint32_t>(manifest_bytes.size()));
  file.u32(static_cast<std::uint32_t>(signers.size() * kSignatureRecord));
  file.u32(static_cast<std::uint32_t>(body.size()));
  file.bytes(chain.view());
  file.bytes(manifest_bytes);
  for (const SecretKey& signer : signers) {
    file.bytes(key_id(signer.public_key()));
    file.bytes(signer.sign(message));
  }
  file.bytes(body);
  return file.take();
}

Result<PackParts, PackError> take_apart(Bytes file) {
  const auto raw = split(file);
  if (!raw) {
    return Failure{raw.error()};
  }
  const auto manifest = read_manifest(raw->manifest);
  if (!manifest) {
    return Failure{manifest.error()};
  }
  if (const auto checked = check_body(*manifest, raw->body); !checked) {
    return Failure{checked.error()};
  }
  const auto records = split_roots(raw->roots);
  if (!records) {
    return Failure{records.error()};
  }
  PackParts parts;
  parts.kind = raw->kind;
  parts.manifest = manifest->manifest;
  parts.roots.assign(records->begin(), records->end());
  parts.body = raw->body;
  ByteReader reader{raw->signatures};
  while (!reader.empty()) {
    const Bytes id = reader.take(kKeyIdBytes);
    reader.skip(kSignatureBytes);
    std::copy(id.begin(), id.end(), parts.signer_ids.emplace_back().begin());
  }
  return parts;
}

}  // namespace gnomon
