// Messages: everything that agent and collector say to each other, as plain structs.
//
// The meaning, unit and range of every field stands in proto/gnomon/v1/wire.proto; a decoded
// message has been held to those ranges.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/byte_reader.h"
#include "core/clock.h"
#include "core/result.h"
#include "core/wire/batch.h"
#include "core/wire/wire_error.h"

namespace gnomon::wire {

// kVersions are the protocol versions this program speaks, greatest first.
constexpr std::array<std::uint32_t, 1> kVersions = {1};

constexpr std::size_t kMaxPushBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxPushPiece = std::size_t{256} << 10;
constexpr std::size_t kMaxCsrBytes = 4096;
constexpr std::size_t kMaxCertificateBytes = 8192;
constexpr std::size_t kMaxChain = 4;
constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kTokenSecretBytes = 16;
constexpr std::size_t kMaxTrustText = std::size_t{16} << 10;  // kMaxTrustBytes of core/catalog
constexpr std::size_t kRunBytes = 16;
constexpr std::size_t kMaxReveals = 64;  // tokens of one question

enum class PushKind : std::uint8_t { unspecified = 0, rule_pack = 1, policy = 2, overlay = 3 };
std::string_view to_string(PushKind kind);

struct PushPart {
  PushKind kind = PushKind::unspecified;
  std::uint32_t version = 0;
  std::uint64_t received = 0;
  std::string sha256;
};

struct Hello {
  std::vector<std::uint32_t> versions{kVersions.begin(), kVersions.end()};
  std::string agent_version;
  std::uint64_t epoch = 0;
  std::uint64_t first_sequence = 1;
  std::uint64_t last_sequence = 0;
  WallTime clock;
  std::uint32_t pack_version = 0;
  std::uint32_t policy_version = 0;
  bool takes_zstd = false;
  std::optional<PushPart> part;
  std::uint32_t overlay_version = 0;
  std::string machine_hash;
  std::string run;
};

struct HelloAck {
  std::uint32_t version = 0;
  std::uint64_t resume_from = 1;
  std::uint64_t stored_epoch = 0;
  std::uint32_t window = 1;
  WallTime clock;
  std::uint32_t heartbeat_s = 60;
  std::uint32_t pack_version = 0;
  std::uint32_t policy_version = 0;
  std::string collector_version;
  std::uint32_t overlay_version = 0;
};

struct Upload {
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
  std::uint64_t first_sequence = 0;  // never 0 once decoded
  std::string payload;
};

enum class Outcome : std::uint8_t {
  unspecified = 0,
  stored = 1,
  repeated = 2,
  out_of_order = 3,
  refused = 4,
  unavailable = 5,
};

struct Ack {
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
  Outcome outcome = Outcome::unspecified;
  std::uint32_t retry_after_ms = 0;
};

struct Heartbeat {
  WallTime clock;
  std::uint64_t waiting = 0;
  std::optional<Health> health;
};

struct Push {
  PushKind kind = PushKind::unspecified;
  std::uint32_t version = 0;
  std::uint64_t total_bytes = 0;
  std::uint64_t offset = 0;
  std::string piece;
  std::string sha256;
  std::uint64_t plain_bytes = 0;
};

struct PushReply {
  PushKind kind = PushKind::unspecified;
  std::uint32_t version = 0;
  bool applied = false;
  std::string reason;
};

struct UnknownsPolicy {
  bool enabled = false;
  std::uint32_t epoch = 0;

  bool operator==(const UnknownsPolicy&) const = default;
};

struct RevealRequest {
  std::uint32_t epoch = 0;
  std::vector<UnknownToken> tokens;
};

struct RevealAnswer {
  UnknownToken token{};
  std::string domain;  // a host name in lower case once decoded, or empty: not told

  bool operator==(const RevealAnswer&) const = default;
};

struct RevealReply {
  std::uint32_t epoch = 0;
  std::vector<RevealAnswer> answers;
};

struct RenewRequest {
  std::string csr;
};

struct RenewReply {
  std::vector<std::string> chain;
};

struct MachineFacts {
  std::string os;
  std::string arch;
  std::string agent_version;
  std::string machine_hash;
};

struct EnrolRequest {
  std::string token_id;
  std::string token_secret;
  std::string csr;
  MachineFacts machine;
};

struct EnrolReply {
  std::string agent;
  std::vector<std::string> chain;
  std::string root;
  std::uint16_t port = 0;
  std::string overlay_trust;
};

enum class ErrorCode : std::uint8_t {
  unspecified = 0,
  bad_message = 1,
  over_limit = 2,
  version = 3,
  revoked = 4,
  certificate_expired = 5,
  token_unknown = 6,
  token_expired = 7,
  token_used_up = 8,
  token_revoked = 9,
  throttled = 10,
  bad_csr = 11,
  window = 12,
  unavailable = 13,
  going_away = 14,
  epoch_behind = 15,
  replaced = 16,
  quarantined = 17,
  cloned = 18,
};

// to_string gives the word used as a counter's reason: "token-used-up".
std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::unspecified;
  std::string text;
  std::uint32_t retry_after_ms = 0;
};

using Field = std::pair<std::string, std::string>;
using AdminRow = std::vector<Field>;

struct AdminRequest {
  std::string command;
  std::vector<Field> arguments;
};

struct AdminReply {
  std::string error;
  std::vector<AdminRow> rows;
};

// Unknown is a message of a kind that this version does not know: to be ignored.
struct Unknown {};

using Envelope = std::variant<Unknown, Hello, HelloAck, Upload, Ack, Heartbeat, Push, PushReply,
                              RenewRequest, RenewReply, Error, EnrolRequest, EnrolReply,
                              AdminRequest, AdminReply, UnknownsPolicy, RevealRequest, RevealReply>;

// encode gives the serialized envelope, without its frame. Never of an Unknown.
std::string encode(const Envelope& envelope);

// encode_frame gives the envelope with its frame, ready to be written.
std::string encode_frame(const Envelope& envelope);

// decode reads one envelope from a stranger. The caller has bounded its size (frame_length).
Result<Envelope, WireError> decode(Bytes bytes);

// choose_version yields the greatest version that is in kVersions and in `offered`.
std::optional<std::uint32_t> choose_version(const std::vector<std::uint32_t>& offered);

}  // namespace gnomon::wire
