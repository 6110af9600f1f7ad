#include "core/wire/messages.h"

#include <algorithm>
#include <chrono>

#include "core/check.h"
#include "core/domain_name.h"
#include "core/wire/batch_proto.h"
#include "core/wire/frame.h"
#include "core/wire/text.h"
#include "gnomon/v1/wire.pb.h"

namespace gnomon::wire {
namespace {

constexpr std::size_t kMaxVersions = 8;
constexpr std::size_t kMaxWord = 64;
constexpr std::size_t kMaxSentence = 200;
constexpr std::size_t kMaxAdminFields = 32;
constexpr std::uint32_t kMaxWindow = 1024;

std::int64_t to_ns(WallTime time) {
  return time.time_since_epoch().count();
}
WallTime from_ns(std::int64_t ns) {
  return WallTime{std::chrono::nanoseconds{ns}};
}

// Checker remembers the first rule that a message breaks.
class Checker {
 public:
  void at_most(std::size_t size, std::size_t limit) {
    if (size > limit) {
      fail(WireError::over_limit);
    }
  }
  void require(bool condition) {
    if (!condition) {
      fail(WireError::malformed);
    }
  }
  void text(const std::string& value, std::size_t limit) {
    at_most(value.size(), limit);
    require(is_printable(value));
  }
  void blob(const std::string& value, std::size_t limit) {
    require(!value.empty());
    at_most(value.size(), limit);
  }
  template <typename Range>
  void chain(const Range& range) {
    require(!range.empty());
    at_most(static_cast<std::size_t>(range.size()), kMaxChain);
    for (const std::string& certificate : range) {
      blob(certificate, kMaxCertificateBytes);
    }
  }
  void fail(WireError error) {
    if (!error_) {
      error_ = error;
    }
  }

  Result<Envelope, WireError> finish(Envelope envelope) {
    if (error_) {
      return Failure{*error_};
    }
    return envelope;
  }

 private:
  std::optional<WireError> error_;
};

template <typename Enum>
Enum known_or_zero(int number, Enum last) {
  return number >= 0 && number <= static_cast<int>(last) ? static_cast<Enum>(number) : Enum{};
}

// write fills the envelope's body from the plain struct.
struct Write {
  v1::Envelope& out;

  void operator()(const Unknown&) const { GNOMON_CHECK(false); }
  void operator()(const Hello& in) const {
    v1::Hello& to = *out.mutable_hello();
    to.mutable_versions()->Add(in.versions.begin(), in.versions.end());
    to.set_agent_version(in.agent_version);
    to.set_epoch(in.epoch);
    to.set_first_sequence(in.first_sequence);
    to.set_last_sequence(in.last_sequence);
    to.set_clock_ns(to_ns(in.clock));
    to.set_pack_version(in.pack_version);
    to.set_policy_version(in.policy_version);
    to.set_takes_zstd(in.takes_zstd);
    to.set_overlay_version(in.overlay_version);
    if (in.part) {
      v1::PushPart& part = *to.mutable_part();
      part.set_kind(static_cast<v1::PushKind>(in.part->kind));
      part.set_version(in.part->version);
      part.set_received(in.part->received);
      part.set_sha256(in.part->sha256);
    }
    to.set_machine_hash(in.machine_hash);
    to.set_run(in.run);
  }
  void operator()(const HelloAck& in) const {
    v1::HelloAck& to = *out.mutable_hello_ack();
    to.set_version(in.version);
    to.set_resume_from(in.resume_from);
    to.set_stored_epoch(in.stored_epoch);
    to.set_window(in.window);
    to.set_clock_ns(to_ns(in.clock));
    to.set_heartbeat_s(in.heartbeat_s);
    to.set_pack_version(in.pack_version);
    to.set_policy_version(in.policy_version);
    to.set_collector_version(in.collector_version);
    to.set_overlay_version(in.overlay_version);
  }
  void operator()(const Upload& in) const {
    v1::Upload& to = *out.mutable_upload();
    to.set_epoch(in.epoch);
    to.set_sequence(in.sequence);
    to.set_first_sequence(in.first_sequence == in.sequence ? 0 : in.first_sequence);
    to.set_payload(in.payload);
  }
  void operator()(const Ack& in) const {
    v1::Ack& to = *out.mutable_ack();
    to.set_epoch(in.epoch);
    to.set_sequence(in.sequence);
    to.set_outcome(static_cast<v1::Outcome>(in.outcome));
    to.set_retry_after_ms(in.retry_after_ms);
  }
  void operator()(const Heartbeat& in) const {
    v1::Heartbeat& to = *out.mutable_heartbeat();
    to.set_clock_ns(to_ns(in.clock));
    to.set_waiting(in.waiting);
    if (in.health) {
      to_proto(*in.health, *to.mutable_health());
    }
  }
  void operator()(const Push& in) const {
    v1::Push& to = *out.mutable_push();
    to.set_kind(static_cast<v1::PushKind>(in.kind));
    to.set_version(in.version);
    to.set_total_bytes(in.total_bytes);
    to.set_offset(in.offset);
    to.set_piece(in.piece);
    to.set_sha256(in.sha256);
    to.set_plain_bytes(in.plain_bytes);
  }
  void operator()(const PushReply& in) const {
    v1::PushReply& to = *out.mutable_push_reply();
    to.set_kind(static_cast<v1::PushKind>(in.kind));
    to.set_version(in.version);
    to.set_applied(in.applied);
    to.set_reason(clip_text(in.reason, kMaxSentence));
  }
  void operator()(const UnknownsPolicy& in) const {
    v1::UnknownsPolicy& to = *out.mutable_unknowns_policy();
    to.set_enabled(in.enabled);
    to.set_epoch(in.epoch);
  }
  void operator()(const RevealRequest& in) const {
    v1::RevealRequest& to = *out.mutable_reveal_request();
    to.set_epoch(in.epoch);
    for (const UnknownToken& token : in.tokens) {
      to.add_tokens(token.data(), token.size());
    }
  }
  void operator()(const RevealReply& in) const {
    v1::RevealReply& to = *out.mutable_reveal_reply();
    to.set_epoch(in.epoch);
    for (const RevealAnswer& answer : in.answers) {
      v1::RevealAnswer& added = *to.add_answers();
      added.set_token(answer.token.data(), answer.token.size());
      added.set_domain(answer.domain);
    }
  }
  void operator()(const RenewRequest& in) const { out.mutable_renew_request()->set_csr(in.csr); }
  void operator()(const RenewReply& in) const {
    v1::RenewReply& to = *out.mutable_renew_reply();
    for (const std::string& certificate : in.chain) {
      to.add_chain(certificate);
    }
  }
  void operator()(const Error& in) const {
    v1::Error& to = *out.mutable_error();
    to.set_code(static_cast<v1::ErrorCode>(in.code));
    to.set_text(clip_text(in.text, kMaxSentence));
    to.set_retry_after_ms(in.retry_after_ms);
  }
  void operator()(const EnrolRequest& in) const {
    v1::EnrolRequest& to = *out.mutable_enrol_request();
    to.set_token_id(in.token_id);
    to.set_token_secret(in.token_secret);
    to.set_csr(in.csr);
    v1::MachineFacts& facts = *to.mutable_machine();
    facts.set_os(clip_text(in.machine.os, kMaxWord));
    facts.set_arch(clip_text(in.machine.arch, kMaxWord));
    facts.set_agent_version(clip_text(in.machine.agent_version, kMaxWord));
    facts.set_machine_hash(in.machine.machine_hash);
  }
  void operator()(const EnrolReply& in) const {
    v1::EnrolReply& to = *out.mutable_enrol_reply();
    to.set_agent(in.agent);
    for (const std::string& certificate : in.chain) {
      to.add_chain(certificate);
    }
    to.set_root(in.root);
    to.set_port(in.port);
    to.set_overlay_trust(in.overlay_trust);
  }
  void operator()(const AdminRequest& in) const {
    v1::AdminRequest& to = *out.mutable_admin_request();
    to.set_command(in.command);
    for (const auto& [name, value] : in.arguments) {
      v1::Field& field = *to.add_arguments();
      field.set_name(name);
      field.set_value(value);
    }
  }
  void operator()(const AdminReply& in) const {
    v1::AdminReply& to = *out.mutable_admin_reply();
    to.set_error(in.error);
    for (const AdminRow& row : in.rows) {
      v1::AdminRow& added = *to.add_rows();
      for (const auto& [name, value] : row) {
        v1::Field& field = *added.add_fields();
        field.set_name(name);
        field.set_value(value);
      }
    }
  }
};

Result<Envelope, WireError> read(const v1::Hello& in) {
  Checker checker;
  checker.require(in.versions_size() > 0);
  checker.at_most(static_cast<std::size_t>(in.versions_size()), kMaxVersions);
  checker.text(in.agent_version(), kMaxWord);
  // An epoch is a time, a sequence a count: both stay far below the sign bit, and arithmetic on
  // them cannot wrap.
  checker.require(in.epoch() > 0 && in.epoch() <= INT64_MAX);
  checker.require(in.last_sequence() < INT64_MAX);
  checker.require(in.first_sequence() >= 1 && in.first_sequence() <= in.last_sequence() + 1);
  checker.require(in.machine_hash().empty() || in.machine_hash().size() == kHashBytes);
  checker.require(in.run().empty() || in.run().size() == kRunBytes);
  Hello hello;
  hello.machine_hash = in.machine_hash();
  hello.run = in.run();
  hello.versions.assign(in.versions().begin(), in.versions().end());
  hello.agent_version = in.agent_version();
  hello.epoch = in.epoch();
  hello.first_sequence = in.first_sequence();
  hello.last_sequence = in.last_sequence();
  hello.clock = from_ns(in.clock_ns());
  hello.pack_version = in.pack_version();
  hello.policy_version = in.policy_version();
  hello.takes_zstd = in.takes_zstd();
  hello.overlay_version = in.overlay_version();
  if (in.has_part()) {
    const v1::PushPart& part = in.part();
    checker.require(part.sha256().size() == kHashBytes && part.received() > 0);
    checker.at_most(static_cast<std::size_t>(part.received()), kMaxPushBytes);
    hello.part = PushPart{known_or_zero(part.kind(), PushKind::overlay), part.version(),
                          part.received(), part.sha256()};
  }
  return checker.finish(std::move(hello));
}

Result<Envelope, WireError> read(const v1::HelloAck& in) {
  Checker checker;
  checker.require(in.resume_from() >= 1 && in.resume_from() <= INT64_MAX);
  checker.require(in.window() >= 1 && in.window() <= kMaxWindow);
  checker.require(in.heartbeat_s() >= 1 && in.heartbeat_s() <= 3600);
  checker.text(in.collector_version(), kMaxWord);
  HelloAck ack;
  ack.version = in.version();
  ack.resume_from = in.resume_from();
  ack.stored_epoch = in.stored_epoch();
  ack.window = in.window();
  ack.clock = from_ns(in.clock_ns());
  ack.heartbeat_s = in.heartbeat_s();
  ack.pack_version = in.pack_version();
  ack.policy_version = in.policy_version();
  ack.collector_version = in.collector_version();
  ack.overlay_version = in.overlay_version();
  return checker.finish(std::move(ack));
}

Result<Envelope, WireError> read(v1::Upload& in) {
  Checker checker;
  checker.blob(in.payload(), kMaxCompressedBatchBytes);
  checker.require(in.epoch() > 0 && in.epoch() <= INT64_MAX);
  checker.require(in.sequence() >= 1 && in.sequence() <= INT64_MAX);
  checker.require(in.first_sequence() <= in.sequence());
  Upload upload;
  upload.epoch = in.epoch();
  upload.sequence = in.sequence();
  upload.first_sequence = in.first_sequence() == 0 ? in.sequence() : in.first_sequence();
  upload.payload = std::move(*in.mutable_payload());
  return checker.finish(std::move(upload));
}

Result<Envelope, WireError> read(const v1::Ack& in) {
  Checker checker;
  checker.require(in.sequence() >= 1);
  return checker.finish(Ack{in.epoch(), in.sequence(),
                            known_or_zero(in.outcome(), Outcome::unavailable),
                            in.retry_after_ms()});
}

Result<Envelope, WireError> read(const v1::Heartbeat& in) {
  Checker checker;
  Heartbeat heartbeat;
  heartbeat.clock = from_ns(in.clock_ns());
  heartbeat.waiting = in.waiting();
  if (in.has_health()) {
    if (const auto fault = check(in.health())) {
      checker.fail(*fault);
    }
    heartbeat.health = from_proto(in.health());
  }
  return checker.finish(std::move(heartbeat));
}

Result<Envelope, WireError> read(v1::Push& in) {
  Checker checker;
  checker.blob(in.piece(), kMaxPushPiece);
  checker.require(in.sha256().size() == kHashBytes);
  checker.require(in.total_bytes() > 0);
  checker.at_most(static_cast<std::size_t>(in.total_bytes()), kMaxPushBytes);
  checker.require(in.offset() <= in.total_bytes() &&
                  in.piece().size() <= in.total_bytes() - in.offset());
  checker.at_most(static_cast<std::size_t>(in.plain_bytes()), kMaxPushBytes);
  Push push;
  push.kind = known_or_zero(in.kind(), PushKind::overlay);
  push.version = in.version();
  push.total_bytes = in.total_bytes();
  push.offset = in.offset();
  push.piece = std::move(*in.mutable_piece());
  push.sha256 = in.sha256();
  push.plain_bytes = in.plain_bytes();
  return checker.finish(std::move(push));
}

Result<Envelope, WireError> read(const v1::PushReply& in) {
  Checker checker;
  checker.text(in.reason(), kMaxSentence);
  return checker.finish(PushReply{known_or_zero(in.kind(), PushKind::overlay), in.version(),
                                  in.applied(), in.reason()});
}

// token_of is all zeros for text that is no token; the checker has refused it by then.
UnknownToken token_of(const std::string& text, Checker& checker) {
  UnknownToken token{};
  checker.require(text.size() == token.size());
  if (text.size() == token.size()) {
    std::copy(text.begin(), text.end(), token.begin());
  }
  return token;
}

Result<Envelope, WireError> read(const v1::RevealRequest& in) {
  Checker checker;
  checker.require(in.tokens_size() > 0);
  checker.at_most(static_cast<std::size_t>(in.tokens_size()), kMaxReveals);
  RevealRequest request;
  request.epoch = in.epoch();
  for (const std::string& token : in.tokens()) {
    request.tokens.push_back(token_of(token, checker));
  }
  return checker.finish(std::move(request));
}

Result<Envelope, WireError> read(const v1::RevealReply& in) {
  Checker checker;
  checker.at_most(static_cast<std::size_t>(in.answers_size()), kMaxReveals);
  RevealReply reply;
  reply.epoch = in.epoch();
  for (const v1::RevealAnswer& answer : in.answers()) {
    RevealAnswer& added = reply.answers.emplace_back();
    added.token = token_of(answer.token(), checker);
    if (!answer.domain().empty()) {
      const auto name = DomainName::from_text(answer.domain());
      checker.require(name && name->text() == answer.domain());
      added.domain = answer.domain();
    }
  }
  return checker.finish(std::move(reply));
}

Result<Envelope, WireError> read(const v1::RenewRequest& in) {
  Checker checker;
  checker.blob(in.csr(), kMaxCsrBytes);
  return checker.finish(RenewRequest{in.csr()});
}

Result<Envelope, WireError> read(const v1::RenewReply& in) {
  Checker checker;
  checker.chain(in.chain());
  RenewReply reply;
  reply.chain.assign(in.chain().begin(), in.chain().end());
  return checker.finish(std::move(reply));
}

Result<Envelope, WireError> read(const v1::Error& in) {
  Checker checker;
  checker.text(in.text(), kMaxSentence);
  return checker.finish(
      Error{known_or_zero(in.code(), ErrorCode::cloned), in.text(), in.retry_after_ms()});
}

Result<Envelope, WireError> read(const v1::EnrolRequest& in) {
  Checker checker;
  checker.text(in.token_id(), kMaxWord);
  checker.require(in.token_secret().size() == kTokenSecretBytes);
  checker.blob(in.csr(), kMaxCsrBytes);
  checker.text(in.machine().os(), kMaxWord);
  checker.text(in.machine().arch(), kMaxWord);
  checker.text(in.machine().agent_version(), kMaxWord);
  checker.require(in.machine().machine_hash().empty() ||
                  in.machine().machine_hash().size() == kHashBytes);
  EnrolRequest request;
  request.token_id = in.token_id();
  request.token_secret = in.token_secret();
  request.csr = in.csr();
  request.machine = MachineFacts{in.machine().os(), in.machine().arch(),
                                 in.machine().agent_version(), in.machine().machine_hash()};
  return checker.finish(std::move(request));
}

Result<Envelope, WireError> read(const v1::EnrolReply& in) {
  Checker checker;
  checker.text(in.agent(), kMaxWord);
  checker.require(!in.agent().empty());
  checker.chain(in.chain());
  checker.blob(in.root(), kMaxCertificateBytes);
  checker.require(in.port() <= UINT16_MAX);
  checker.at_most(in.overlay_trust().size(), kMaxTrustText);
  EnrolReply reply;
  reply.agent = in.agent();
  reply.chain.assign(in.chain().begin(), in.chain().end());
  reply.root = in.root();
  reply.port = static_cast<std::uint16_t>(in.port());
  reply.overlay_trust = in.overlay_trust();
  return checker.finish(std::move(reply));
}

Result<Envelope, WireError> read(const v1::AdminRequest& in) {
  Checker checker;
  checker.text(in.command(), kMaxWord);
  checker.at_most(static_cast<std::size_t>(in.arguments_size()), kMaxAdminFields);
  AdminRequest request;
  request.command = in.command();
  for (const v1::Field& field : in.arguments()) {
    request.arguments.emplace_back(field.name(), field.value());
  }
  return checker.finish(std::move(request));
}

Result<Envelope, WireError> read(const v1::AdminReply& in) {
  AdminReply reply;
  reply.error = in.error();
  for (const v1::AdminRow& row : in.rows()) {
    AdminRow& added = reply.rows.emplace_back();
    for (const v1::Field& field : row.fields()) {
      added.emplace_back(field.name(), field.value());
    }
  }
  return Envelope{std::move(reply)};
}

}  // namespace

std::string_view to_string(PushKind kind) {
  switch (kind) {
    case PushKind::rule_pack:
      return "rule-pack";
    case PushKind::policy:
      return "policy";
    case PushKind::overlay:
      return "overlay";
    case PushKind::unspecified:
      break;
  }
  return "unknown";
}

std::string_view to_string(ErrorCode code) {
  constexpr std::array<std::string_view, 19> kWords = {
      "unspecified",  "bad-message",   "over-limit",    "version",       "revoked",
      "expired",      "token-unknown", "token-expired", "token-used-up", "token-revoked",
      "throttled",    "bad-csr",       "window",        "unavailable",   "going-away",
      "epoch-behind", "replaced",      "quarantined",   "cloned"};
  return kWords.at(static_cast<std::size_t>(code));
}

std::string encode(const Envelope& envelope) {
  v1::Envelope out;
  std::visit(Write{out}, envelope);
  return out.SerializeAsString();
}

std::string encode_frame(const Envelope& envelope) {
  return framed(encode(envelope));
}

Result<Envelope, WireError> decode(Bytes bytes) {
  v1::Envelope in;
  if (bytes.size() > INT32_MAX ||
      !in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Failure{WireError::malformed};
  }
  switch (in.body_case()) {
    case v1::Envelope::kHello:
      return read(in.hello());
    case v1::Envelope::kHelloAck:
      return read(in.hello_ack());
    case v1::Envelope::kUpload:
      return read(*in.mutable_upload());
    case v1::Envelope::kAck:
      return read(in.ack());
    case v1::Envelope::kHeartbeat:
      return read(in.heartbeat());
    case v1::Envelope::kPush:
      return read(*in.mutable_push());
    case v1::Envelope::kPushReply:
      return read(in.push_reply());
    case v1::Envelope::kRenewRequest:
      return read(in.renew_request());
    case v1::Envelope::kRenewReply:
      return read(in.renew_reply());
    case v1::Envelope::kError:
      return read(in.error());
    case v1::Envelope::kEnrolRequest:
      return read(in.enrol_request());
    case v1::Envelope::kEnrolReply:
      return read(in.enrol_reply());
    case v1::Envelope::kAdminRequest:
      return read(in.admin_request());
    case v1::Envelope::kAdminReply:
      return read(in.admin_reply());
    case v1::Envelope::kUnknownsPolicy:
      return Envelope{UnknownsPolicy{in.unknowns_policy().enabled(), in.unknowns_policy().epoch()}};
    case v1::Envelope::kRevealRequest:
      return read(in.reveal_request());
    case v1::Envelope::kRevealReply:
      return read(in.reveal_reply());
    case v1::Envelope::BODY_NOT_SET:
      break;
  }
  return Envelope{Unknown{}};
}

std::optional<std::uint32_t> choose_version(const std::vector<std::uint32_t>& offered) {
  for (const std::uint32_t version : kVersions) {
    if (std::find(offered.begin(), offered.end(), version) != offered.end()) {
      return version;
    }
  }
  return std::nullopt;
}

}  // namespace gnomon::wire
