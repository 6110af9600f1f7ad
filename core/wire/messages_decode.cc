// Reading a message from a stranger: every field is held to the range that wire.proto gives it.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "core/domain_name.h"
#include "core/wire/batch_proto.h"
#include "core/wire/fields.h"
#include "core/wire/messages.h"
#include "core/wire/text.h"
#include "gnomon/v1/wire.pb.h"

namespace gnomon::wire {
namespace {

constexpr std::size_t kMaxVersions = 8;
constexpr std::size_t kMaxAdminFields = 32;
constexpr std::uint32_t kMaxWindow = 1024;

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

}  // namespace gnomon::wire
