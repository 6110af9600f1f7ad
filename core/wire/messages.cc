#include "core/wire/messages.h"

#include <algorithm>

#include "core/check.h"
#include "core/wire/batch_proto.h"
#include "core/wire/fields.h"
#include "core/wire/frame.h"
#include "core/wire/text.h"
#include "gnomon/v1/wire.pb.h"

namespace gnomon::wire {
namespace {

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
std::optional<std::uint32_t> choose_version(const std::vector<std::uint32_t>& offered) {
  for (const std::uint32_t version : kVersions) {
    if (std::find(offered.begin(), offered.end(), version) != offered.end()) {
      return version;
    }
  }
  return std::nullopt;
}

}  // namespace gnomon::wire
