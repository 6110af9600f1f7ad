#include "agent/spool_key.h"

#include "agent/spool/spool.h"
#include "agent/spool_history.h"
#include "core/net/crypto.h"
#include "tests/support/batch_builder.h"
#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_directory.h"

namespace gnomon {
namespace {

using testing::ManualClock;
using testing::TempDirectory;

// A machine with a data folder, an id, and perhaps a credential.
struct Machine {
  Machine() {
    REQUIRE(files.make_directory(folder.path()));
    set_id("0123456789abcdef0123456789abcdef");
  }

  void set_id(const std::string& id) {
    REQUIRE(replace_file(files, places.machine_id, id + "\n", Durable::no));
  }

  void give_credential(const std::string& secret) {
    places.credentials = directory.file("credentials");
    REQUIRE(files.make_directory(places.credentials));
    REQUIRE(replace_file(files, places.credentials + "/" + kSpoolCredential, secret, Durable::no));
  }

  SpoolKeys keys(MissingKey missing = MissingKey::make) {
    auto opened = open_spool_keys(files, folder, places, missing);
    REQUIRE(opened);
    return std::move(*opened);
  }

  std::unique_ptr<Spool> spool(const RecordCipher* cipher) {
    SpoolOptions options;
    options.directory = folder.spool();
    auto opened = Spool::open(files, clock, counters, options, cipher);
    REQUIRE(opened);
    return std::move(*opened);
  }

  std::string spool_bytes() {
    std::string all;
    const auto names = files.list(folder.spool());
    REQUIRE(names);
    for (const std::string& name : *names) {
      const auto bytes = read_whole_file(files, folder.spool() + "/" + name, 1 << 20);
      all += bytes ? *bytes : std::string{};
    }
    return all;
  }

  TempDirectory directory;
  PosixFileSystem files;
  ManualClock clock;
  Counters counters;
  DataFolder folder{directory.file("data")};
  KeyPlaces places{"", directory.file("machine-id")};
};

// stored_tool yields the tool of the first batch, or nothing when a gap stands in its place.
std::optional<std::string> stored_tool(Spool& spool) {
  const auto batch = spool.next(1);
  REQUIRE(batch);
  REQUIRE(*batch);
  const auto plain = wire::decompress(bytes_of((*batch)->payload), kMaxBatchBytes);
  REQUIRE(plain);
  const auto decoded = wire::decode_batch(bytes_of(*plain));
  REQUIRE(decoded);
  if (decoded->contacts.empty()) {
    REQUIRE(decoded->gaps.size() == 1);
    CHECK(decoded->gaps.front().reason == "record-damaged");
    return std::nullopt;
  }
  return decoded->contacts.front().tool;
}

TEST_CASE("SpoolKey: HKDF is that of RFC 5869, appendix A.1", "[core][crypto]") {
  const auto secret = from_hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");
  const auto salt = from_hex("000102030405060708090a0b0c");
  const auto info = from_hex("f0f1f2f3f4f5f6f7f8f9");
  CHECK(to_hex(hkdf_sha256(*secret, *salt, *info)) ==
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
}

TEST_CASE("SpoolKey: nothing of a contact lies on disk in clear, and the agent reads it again",
          "[agent][spool-key]") {
  Machine machine;
  {
    const SpoolKeys keys = machine.keys();
    const auto spool = machine.spool(keys.cipher.get());
    REQUIRE(spool->append(testing::batch_of("secret-tool-of-somebody")));
  }
  CHECK(machine.spool_bytes().find("secret-tool-of-somebody") == std::string::npos);
  const SpoolKeys keys = machine.keys();
  CHECK(keys.words == "encrypted with a key file, bound to this machine's id");
  CHECK(stored_tool(*machine.spool(keys.cipher.get())) == "secret-tool-of-somebody");
  const auto history = read_spool(machine.files, machine.folder.spool(), keys.cipher.get());
  REQUIRE(history);
  CHECK(history->unreadable == 0);
  CHECK(history->batches.size() == 1);
}

TEST_CASE("SpoolKey: a folder copied to another machine opens nothing, and says so as a gap",
          "[agent][spool-key]") {
  Machine machine;
  {
    const SpoolKeys keys = machine.keys();
    REQUIRE(machine.spool(keys.cipher.get())->append(testing::batch_of("trello")));
  }
  machine.set_id("ffffffffffffffffffffffffffffffff");
  const SpoolKeys keys = machine.keys();
  const auto spool = machine.spool(keys.cipher.get());
  CHECK_FALSE(stored_tool(*spool));
  REQUIRE(spool->append(testing::batch_of("asana")));  // and it works on
}

TEST_CASE("SpoolKey: what was stored before the machine had an id stays readable",
          "[agent][spool-key]") {
  Machine machine;
  machine.set_id("");
  {
    const SpoolKeys keys = machine.keys();
    CHECK(keys.words == "encrypted with a key file; this system has no machine id to bind it to");
    REQUIRE(machine.spool(keys.cipher.get())->append(testing::batch_of("trello")));
  }
  machine.set_id("0123456789abcdef0123456789abcdef");
  const SpoolKeys keys = machine.keys();
  CHECK(stored_tool(*machine.spool(keys.cipher.get())) == "trello");
  const std::string sealed = keys.cipher->seal("contents", "here");
  machine.set_id("");
  CHECK_FALSE(machine.keys().cipher->open(bytes_of(sealed), "here"));
}

TEST_CASE("SpoolKey: one changed byte costs one record", "[agent][spool-key]") {
  Machine machine;
  const SpoolKeys keys = machine.keys();
  const std::string context = "here";
  const std::string sealed = keys.cipher->seal("contents", context);
  CHECK(keys.cipher->open(bytes_of(sealed), context) == "contents");
  CHECK_FALSE(keys.cipher->open(bytes_of(sealed), "elsewhere"));
  for (std::size_t at = 0; at < sealed.size(); ++at) {
    std::string changed = sealed;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    CHECK_FALSE(keys.cipher->open(bytes_of(changed), context));
  }
  CHECK(keys.cipher->seal("contents", context) != sealed);
}

TEST_CASE("SpoolKey: a credential comes first, and what the key file sealed stays readable",
          "[agent][spool-key]") {
  Machine machine;
  {
    const SpoolKeys keys = machine.keys();
    REQUIRE(machine.spool(keys.cipher.get())->append(testing::batch_of("trello")));
  }
  machine.give_credential("a secret of the service manager");
  const SpoolKeys with = machine.keys();
  CHECK(with.words == "encrypted with a key that the service manager keeps for this machine");
  CHECK(stored_tool(*machine.spool(with.cipher.get())) == "trello");
  // What the credential sealed, the key file does not open.
  const std::string sealed = with.cipher->seal("contents", "here");
  machine.places.credentials.clear();
  CHECK_FALSE(machine.keys().cipher->open(bytes_of(sealed), "here"));
}

TEST_CASE("SpoolKey: a credential that is too short to be a secret is refused",
          "[agent][spool-key]") {
  Machine machine;
  machine.give_credential("short");
  CHECK_FALSE(open_spool_keys(machine.files, machine.folder, machine.places, MissingKey::make));
}

TEST_CASE("SpoolKey: a damaged key file is set aside, and a reader makes none",
          "[agent][spool-key]") {
  Machine machine;
  CHECK(machine.keys(MissingKey::leave).cipher == nullptr);
  CHECK_FALSE(*machine.files.exists(machine.folder.spool_key()));
  REQUIRE(replace_file(machine.files, machine.folder.spool_key(), "too short"));
  CHECK(machine.keys(MissingKey::leave).cipher == nullptr);
  CHECK(machine.keys().cipher != nullptr);
  CHECK(*machine.files.exists(machine.folder.spool_key() + ".damaged"));
}

}  // namespace
}  // namespace gnomon
