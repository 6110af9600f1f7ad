#include <algorithm>
#include <filesystem>
#include <fstream>

#include "core/byte_writer.h"
#include "core/catalog/overlay.h"
#include "core/catalog/trust.h"
#include "tests/support/catch.h"
#include "tests/support/pack_builder.h"
#include "tests/support/temp_directory.h"

using gnomon::Bytes;
using gnomon::PackFault;
using gnomon::PackKind;
using gnomon::PackLimits;
using gnomon::RulePack;
using gnomon::SecretKey;
using gnomon::TrustedKeys;
using gnomon::testing::PackBuilder;
using gnomon::testing::test_time;

namespace {

PackBuilder small() {
  PackBuilder builder;
  builder.tool("trello");
  builder.rule("trello.com");
  return builder;
}

PackFault fault_of(Bytes bytes, const TrustedKeys& trusted, const PackLimits& limits = {}) {
  const auto pack = RulePack::from_bytes(bytes, trusted, limits);
  REQUIRE_FALSE(pack);
  CHECK_FALSE(pack.error().text.empty());
  return pack.error().fault;
}

// Where the four parts of a pack begin, by FORMAT.md.
struct Parts {
  std::size_t roots = 28, manifest = 0, signatures = 0, body = 0;
  explicit Parts(Bytes file) {
    gnomon::ByteReader head{file.subspan(12)};
    manifest = roots + head.u32();
    signatures = manifest + head.u32();
    body = signatures + head.u32();
  }
};

}  // namespace

TEST_CASE("RulePack: an honest pack opens", "[core][catalog]") {
  const PackBuilder builder = small();
  PackLimits limits;
  limits.min_version = 5;
  limits.now = test_time();
  const auto pack = RulePack::from_bytes(builder.bytes(), builder.trusted(), limits);
  REQUIRE(pack);
  CHECK((*pack)->version() == 5);
  CHECK((*pack)->expires() == test_time() + std::chrono::days{30});
}

TEST_CASE("RulePack: no byte can be changed unnoticed", "[core][catalog]") {
  const PackBuilder builder = small();
  const std::vector<std::uint8_t> good = builder.bytes();
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const std::uint8_t value : {std::uint8_t{0x00}, std::uint8_t{0xff}}) {
      // The reserved byte of the head means nothing.
      if (good[i] == value || i == 11) {
        continue;
      }
      std::vector<std::uint8_t> bad = good;
      bad[i] = value;
      CAPTURE(i, value);
      CHECK_FALSE(RulePack::from_bytes(bad, builder.trusted()));
    }
  }
}

TEST_CASE("RulePack: every proper prefix is truncated", "[core][catalog]") {
  const PackBuilder builder = small();
  const std::vector<std::uint8_t> good = builder.bytes();
  for (std::size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK(fault_of(Bytes{good}.first(size), builder.trusted()) == PackFault::truncated);
  }
}

TEST_CASE("RulePack: a tampered body is damaged, a tampered manifest has no good signature",
          "[core][catalog]") {
  const PackBuilder builder = small();
  std::vector<std::uint8_t> body = builder.bytes();
  body.back() ^= 1;
  CHECK(fault_of(body, builder.trusted()) == PackFault::damaged);
  std::vector<std::uint8_t> manifest = builder.bytes();
  manifest[Parts{manifest}.manifest + 3] ^= 1;  // the version
  CHECK(fault_of(manifest, builder.trusted()) == PackFault::bad_signature);
}

TEST_CASE("RulePack: something after the end is refused", "[core][catalog]") {
  const PackBuilder builder = small();
  std::vector<std::uint8_t> bytes = builder.bytes();
  bytes.push_back(0);
  CHECK(fault_of(bytes, builder.trusted()) == PackFault::damaged);
}

TEST_CASE("RulePack: an older version is refused, the same one is not", "[core][catalog]") {
  const PackBuilder builder = small();
  PackLimits limits;
  limits.min_version = 6;
  CHECK(fault_of(builder.bytes(), builder.trusted(), limits) == PackFault::older_version);
  limits.min_version = 5;
  CHECK(RulePack::from_bytes(builder.bytes(), builder.trusted(), limits));
}

TEST_CASE("RulePack: an expired pack is refused as an update, and opens without a clock",
          "[core][catalog]") {
  const PackBuilder builder = small();
  PackLimits limits;
  limits.now = test_time() + std::chrono::days{30};
  CHECK(fault_of(builder.bytes(), builder.trusted(), limits) == PackFault::expired);
  limits.now = *limits.now - std::chrono::seconds{1};
  CHECK(RulePack::from_bytes(builder.bytes(), builder.trusted(), limits));
  CHECK(RulePack::from_bytes(builder.bytes(), builder.trusted()));
}

TEST_CASE("RulePack: a key that nobody trusts does not open it", "[core][catalog]") {
  const PackBuilder builder = small();
  CHECK(fault_of(small().bytes(), builder.trusted()) == PackFault::bad_signature);
  CHECK(fault_of(builder.bytes(), TrustedKeys{}) == PackFault::bad_signature);
}

TEST_CASE("RulePack: the threshold counts keys, not signatures", "[core][catalog]") {
  const PackBuilder builder = small();
  const SecretKey second = SecretKey::generate();
  TrustedKeys trusted = builder.trusted();
  trusted.keys.push_back(second.public_key());
  trusted.threshold = 2;
  const auto body = gnomon::encode_body(PackBuilder{builder}.content());
  gnomon::Manifest manifest;
  manifest.version = 1;
  const auto sealed = [&](const std::vector<SecretKey>& keys) {
    return gnomon::seal_pack(body, PackKind::catalogue, manifest, {}, keys);
  };
  CHECK(fault_of(sealed({second}), trusted) == PackFault::bad_signature);
  CHECK(fault_of(sealed({second, second, second}), trusted) == PackFault::bad_signature);
  CHECK(RulePack::from_bytes(sealed({second, builder.key()}), trusted));
  trusted.threshold = 0;
  CHECK(fault_of(sealed({second}), trusted) == PackFault::bad_signature);
}

TEST_CASE("RulePack: an oversize file is refused before it is read", "[core][catalog]") {
  const gnomon::testing::TempDirectory folder;
  const std::string path = folder.file("big.pack");
  std::ofstream{path} << "GNOMPACK";
  std::filesystem::resize_file(path, gnomon::kMaxPackBytes + 1);
  const auto big = RulePack::open(path, small().trusted());
  REQUIRE_FALSE(big);
  CHECK(big.error().fault == PackFault::too_large);
  const auto none = RulePack::open(folder.file("none"), small().trusted());
  REQUIRE_FALSE(none);
  CHECK(none.error().fault == PackFault::unreadable);
  const auto directory = RulePack::open(folder.path(), small().trusted());
  REQUIRE_FALSE(directory);
}

TEST_CASE("RulePack: parts of two packs of the same key do not mix", "[core][catalog]") {
  PackBuilder builder = small();
  const std::vector<std::uint8_t> first = builder.bytes();
  builder.content().rules.front().role = gnomon::Role::embed;
  builder.manifest().version = 9;
  const std::vector<std::uint8_t> second = builder.bytes();
  REQUIRE(first.size() == second.size());
  const auto mix = [&](std::size_t from, std::size_t to) {
    std::vector<std::uint8_t> mixed = first;
    std::copy(second.begin() + static_cast<std::ptrdiff_t>(from),
              second.begin() + static_cast<std::ptrdiff_t>(to),
              mixed.begin() + static_cast<std::ptrdiff_t>(from));
    return mixed;
  };
  const Parts parts{first};
  CHECK(fault_of(mix(parts.body, first.size()), builder.trusted()) == PackFault::damaged);
  CHECK(fault_of(mix(parts.signatures, first.size()), builder.trusted()) ==
        PackFault::bad_signature);
  CHECK(fault_of(mix(parts.manifest, parts.body), builder.trusted()) == PackFault::damaged);
}

TEST_CASE("RulePack: look-alikes are no packs, and newer formats are told apart",
          "[core][catalog]") {
  const PackBuilder builder = small();
  const std::string text =
      "\x7f"
      "ELF: something else entirely, longer than a pack's head is";
  CHECK(fault_of(gnomon::bytes_of(text), builder.trusted()) == PackFault::not_a_pack);
  std::vector<std::uint8_t> newer = builder.bytes();
  newer[9] = 3;
  CHECK(fault_of(newer, builder.trusted()) == PackFault::newer_format);
  PackBuilder needs = small();
  needs.manifest().needs_format = 3;
  CHECK(fault_of(needs.bytes(), needs.trusted()) == PackFault::newer_format);
}

TEST_CASE("RulePack: an overlay's signature does not make a catalogue", "[core][catalog]") {
  const PackBuilder builder = small();
  std::vector<std::uint8_t> overlay = builder.bytes(PackKind::overlay);
  CHECK(fault_of(overlay, builder.trusted()) == PackFault::wrong_kind);
  overlay[10] = 1;  // say that it is a catalogue
  CHECK(fault_of(overlay, builder.trusted()) == PackFault::bad_signature);
  CHECK_FALSE(gnomon::OverlayPack::from_bytes(builder.bytes(), builder.trusted()));
}

TEST_CASE("RulePack: a signed body that does not hold together is damaged, never a crash",
          "[core][catalog]") {
  const PackBuilder builder = small();
  PackBuilder copy = builder;
  const std::vector<std::uint8_t> body = gnomon::encode_body(copy.content());
  for (std::size_t i = 0; i < body.size(); ++i) {
    for (const std::uint8_t value : {std::uint8_t{0x00}, std::uint8_t{0xff}}) {
      std::vector<std::uint8_t> bad = body;
      bad[i] = value;
      const auto file =
          gnomon::seal_pack(bad, PackKind::catalogue, copy.manifest(), {}, {builder.key()});
      CAPTURE(i, value);
      if (const auto pack = RulePack::from_bytes(file, builder.trusted())) {
        static_cast<void>((*pack)->match("trello.com"));
        static_cast<void>((*pack)->match("acme.slack.com"));
        for (gnomon::ToolIndex tool = 0; tool < (*pack)->tool_count(); ++tool) {
          static_cast<void>((*pack)->tool(tool));
        }
      } else {
        CHECK(pack.error().fault == PackFault::damaged);
      }
    }
  }
}

namespace {

// Root is a root record with its keys.
struct Root {
  TrustedKeys keys;
  std::vector<SecretKey> secrets;
  SecretKey pack = SecretKey::generate();

  explicit Root(std::uint32_t version, std::size_t root_keys = 2, std::uint32_t threshold = 2) {
    keys.root_version = version;
    keys.root_threshold = threshold;
    keys.root_expires = test_time() + std::chrono::days{100};
    for (std::size_t i = 0; i < root_keys; ++i) {
      secrets.push_back(SecretKey::generate());
      keys.root_keys.push_back(secrets.back().public_key());
    }
    keys.keys = {pack.public_key()};
  }
  std::string record(const std::vector<SecretKey>& more = {}) const {
    std::vector<SecretKey> signers = secrets;
    signers.insert(signers.end(), more.begin(), more.end());
    return gnomon::make_root(keys, signers);
  }
};

std::vector<std::uint8_t> pack_by(const SecretKey& key, const std::vector<std::string>& roots) {
  PackBuilder builder = small();
  return gnomon::seal_pack(gnomon::encode_body(builder.content()), PackKind::catalogue,
                           builder.manifest(), roots, {key});
}

}  // namespace

TEST_CASE("Trust: a trust file is read back, and only with its own signatures", "[core][catalog]") {
  const Root root{1};
  const std::string text = root.record();
  const auto trusted = gnomon::parse_trust(text);
  REQUIRE(trusted);
  CHECK(trusted->keys == root.keys.keys);
  CHECK(trusted->root_keys == root.keys.root_keys);
  CHECK(trusted->root_threshold == 2);
  CHECK(trusted->root_expires == root.keys.root_expires);
  CHECK(trusted->root_text == text);
  CHECK_FALSE(gnomon::parse_trust(gnomon::make_root(root.keys, {root.secrets[0]})));
  CHECK_FALSE(
      gnomon::parse_trust(gnomon::make_root(root.keys, {root.secrets[0], root.secrets[0]})));
  for (std::size_t size = 0; size < text.size(); ++size) {
    CHECK_FALSE(gnomon::parse_trust(std::string_view{text}.substr(0, size)));
  }
  std::string other = text;
  other.replace(other.find("version 1"), 9, "version 2");
  CHECK(gnomon::parse_trust(other).error().fault == PackFault::bad_signature);
  CHECK(gnomon::parse_trust("hello").error().fault == PackFault::not_a_pack);
}

TEST_CASE("Trust: keys rotate along root records that the old and the new keys signed",
          "[core][catalog]") {
  const Root first{1};
  const Root second{2};
  const Root third{3};
  const auto trusted = gnomon::parse_trust(first.record());
  REQUIRE(trusted);
  const std::vector<std::string> chain = {first.record(), second.record(first.secrets),
                                          third.record(second.secrets)};
  const auto pack = RulePack::from_bytes(pack_by(third.pack, chain), *trusted);
  REQUIRE(pack);
  CHECK((*pack)->trusted().root_version == 3);
  // The newer root is kept, and the old pack key is worth nothing from then on.
  const gnomon::testing::TempDirectory folder;
  REQUIRE(gnomon::write_trust(folder.file("t"), (*pack)->trusted()));
  const auto kept = gnomon::read_trust(folder.file("t"));
  REQUIRE(kept);
  CHECK(fault_of(pack_by(first.pack, {}), *kept) == PackFault::bad_signature);
  CHECK(RulePack::from_bytes(pack_by(third.pack, {}), *kept));
}

TEST_CASE("Trust: a root that skips a version or lacks signatures is not followed",
          "[core][catalog]") {
  const Root first{1};
  const Root second{2};
  const Root third{3};
  const auto trusted = gnomon::parse_trust(first.record());
  REQUIRE(trusted);
  const auto fault = [&](const SecretKey& key, const std::vector<std::string>& chain) {
    return fault_of(pack_by(key, chain), *trusted);
  };
  CHECK(fault(third.pack, {third.record(first.secrets)}) == PackFault::bad_signature);
  CHECK(fault(second.pack, {second.record()}) == PackFault::bad_signature);
  CHECK(fault(second.pack, {second.record({first.secrets[0]})}) == PackFault::bad_signature);
  CHECK(fault(second.pack, {gnomon::make_root(second.keys, first.secrets)}) ==
        PackFault::bad_signature);
  PackLimits late;
  late.now = test_time() + std::chrono::days{101};
  CHECK(fault_of(pack_by(first.pack, {}), *trusted, late) == PackFault::expired);
}

TEST_CASE("Trust: keys without a root are never replaced by a pack", "[core][catalog]") {
  const Root first{1};
  TrustedKeys bare;
  bare.keys = {first.pack.public_key()};
  const Root evil{1};
  CHECK(fault_of(pack_by(evil.pack, {evil.record()}), bare) == PackFault::bad_signature);
  CHECK(RulePack::from_bytes(pack_by(first.pack, {evil.record()}), bare));
}

TEST_CASE("SecretKey: a key file is read back and makes the same signatures", "[core][catalog]") {
  const SecretKey key = SecretKey::generate();
  const auto back = SecretKey::from_text(key.to_text());
  REQUIRE(back);
  CHECK(back->public_key() == key.public_key());
  const auto message = gnomon::bytes_of("message");
  CHECK(gnomon::verify(key.public_key(), message, back->sign(message)));
  CHECK_FALSE(gnomon::verify(key.public_key(), gnomon::bytes_of("massage"), back->sign(message)));
  CHECK_FALSE(SecretKey::from_text("gnomon-secret-key 1\nabcd\n"));
  CHECK_FALSE(SecretKey::from_text(""));
}

TEST_CASE("sign: the vector of RFC 8032, section 7.1, test 2", "[core][catalog]") {
  const auto key = SecretKey::from_text(
      "gnomon-secret-key 1\n4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb\n");
  REQUIRE(key);
  CHECK(gnomon::to_hex(key->public_key()) ==
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const std::vector<std::uint8_t> message = {0x72};
  CHECK(gnomon::to_hex(key->sign(message)) ==
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
}
