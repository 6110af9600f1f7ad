#include "core/wire/batch.h"

#include <google/protobuf/stubs/logging.h>
#include <zstd.h>

#include <algorithm>

#include "core/check.h"
#include "core/file.h"
#include "core/wire/batch_proto.h"
#include "core/wire/fields.h"
#include "core/wire/text.h"
#include "gnomon/v1/contact.pb.h"

namespace gnomon::wire {
namespace {

// Protobuf writes a line to standard error for every message that it refuses: a stranger could
// fill the log with it. The error is ours to count.
[[maybe_unused]] const auto kQuietProtobuf = google::protobuf::SetLogHandler(nullptr);

void to_proto(const Contact& contact, v1::Contact& out) {
  out.set_tool(contact.tool);
  out.set_tenant(contact.tenant);
  out.set_role(static_cast<std::uint32_t>(contact.role));
  out.set_audience(static_cast<std::uint32_t>(contact.audience));
  out.set_stage(static_cast<std::uint32_t>(contact.stage));
  out.set_confidence(contact.confidence);
  out.set_window_begin_ns(to_ns(contact.window_begin));
  out.set_window_end_ns(to_ns(contact.window_end));
  out.set_first_ns(to_ns(contact.first));
  out.set_last_ns(to_ns(contact.last));
  out.set_dns(contact.dns);
  out.set_tls(contact.tls);
  out.set_quic(contact.quic);
  out.set_http(contact.http);
  out.set_bytes_up(contact.bytes_up);
  out.set_bytes_down(contact.bytes_down);
  out.set_user(contact.user);
  out.set_program(clip_text(contact.program, kMaxProgramBytes));
  out.set_pack_version(contact.pack_version);
  const std::size_t lines = std::min(contact.evidence.size(), kMaxEvidence);
  for (std::size_t i = 0; i < lines; ++i) {
    const Evidence& line = contact.evidence[i];
    v1::Evidence& added = *out.add_evidence();
    added.set_when_ns(to_ns(line.when));
    added.set_what(clip_text(line.what, kMaxWhatBytes));
    added.set_host(line.host);
    added.set_role(static_cast<std::uint32_t>(line.role));
  }
}

v1::Batch to_proto(const Batch& batch) {
  v1::Batch out;
  for (const Contact& contact : batch.contacts) {
    to_proto(contact, *out.add_contacts());
  }
  for (const Gap& gap : batch.gaps) {
    v1::Gap& added = *out.add_gaps();
    added.set_from_ns(to_ns(gap.from));
    added.set_to_ns(to_ns(gap.to));
    added.set_reason(gap.reason);
    added.set_contacts(gap.contacts);
    added.set_from_sequence(gap.from_sequence);
    added.set_to_sequence(gap.to_sequence);
  }
  if (batch.health) {
    wire::to_proto(*batch.health, *out.mutable_health());
  }
  out.set_sealed_ns(to_ns(batch.sealed));
  out.set_sealed_monotonic_ns(batch.sealed_monotonic_ns);
  out.set_part(batch.part);
  for (const TokenReport& report : batch.unknowns) {
    v1::UnknownToken& added = *out.add_unknowns();
    added.set_token(report.token.data(), report.token.size());
    added.set_epoch(report.epoch);
    added.set_first_day(report.first_day);
    added.set_last_day(report.last_day);
  }
  return out;
}

}  // namespace

void to_proto(const Health& health, v1::Health& out) {
  out.set_when_ns(to_ns(health.when));
  out.set_packets(health.packets);
  out.set_dropped(health.dropped);
  out.set_hellos(health.hellos);
  out.set_hellos_incomplete(health.hellos_incomplete);
  out.set_ech_real(health.ech_real);
  out.set_encrypted_dns(health.encrypted_dns);
  out.set_flows_evicted(health.flows_evicted);
  out.set_rss_bytes(health.rss_bytes);
  out.set_cpu_ms(health.cpu_ms);
  out.set_pack_version(health.pack_version);
  out.set_agent_version(clip_text(health.agent_version, kMaxReasonBytes));
  out.set_spool_bytes(health.spool_bytes);
  const std::size_t notes = std::min(health.notes.size(), kMaxHealthNotes);
  for (std::size_t i = 0; i < notes; ++i) {
    out.add_notes(clip_text(health.notes[i], kMaxWhatBytes));
  }
}

Health from_proto(const v1::Health& in) {
  Health health;
  health.when = from_ns(in.when_ns());
  health.packets = in.packets();
  health.dropped = in.dropped();
  health.hellos = in.hellos();
  health.hellos_incomplete = in.hellos_incomplete();
  health.ech_real = in.ech_real();
  health.encrypted_dns = in.encrypted_dns();
  health.flows_evicted = in.flows_evicted();
  health.rss_bytes = in.rss_bytes();
  health.cpu_ms = in.cpu_ms();
  health.pack_version = in.pack_version();
  health.agent_version = in.agent_version();
  health.spool_bytes = in.spool_bytes();
  health.notes.assign(in.notes().begin(), in.notes().end());
  return health;
}

std::optional<WireError> check(const v1::Health& health) {
  if (static_cast<std::size_t>(health.notes_size()) > kMaxHealthNotes ||
      health.agent_version().size() > kMaxReasonBytes) {
    return WireError::over_limit;
  }
  if (!is_printable(health.agent_version())) {
    return WireError::malformed;
  }
  for (const std::string& note : health.notes()) {
    if (note.size() > kMaxWhatBytes) {
      return WireError::over_limit;
    }
    if (!is_printable(note)) {
      return WireError::malformed;
    }
  }
  return std::nullopt;
}

std::string encode_batch(const Batch& batch) {
  return to_proto(batch).SerializeAsString();
}

bool fits(const Batch& batch) {
  if (batch.contacts.size() > kMaxBatchContacts || batch.gaps.size() > kMaxBatchGaps ||
      batch.unknowns.size() > kMaxBatchUnknowns) {
    return false;
  }
  const std::string encoded = encode_batch(batch);
  return decode_batch(bytes_of(encoded)).has_value();
}

std::string compress(std::string_view plain) {
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  const std::size_t size = ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3);
  GNOMON_CHECK(ZSTD_isError(size) == 0);
  out.resize(size);
  return out;
}

Result<std::string, WireError> decompress(Bytes compressed, std::size_t limit) {
  const unsigned long long stated = ZSTD_getFrameContentSize(compressed.data(), compressed.size());
  if (stated == ZSTD_CONTENTSIZE_ERROR || stated == ZSTD_CONTENTSIZE_UNKNOWN) {
    return Failure{WireError::malformed};
  }
  if (stated > limit) {
    return Failure{WireError::over_limit};
  }
  std::string out(static_cast<std::size_t>(stated), '\0');
  const std::size_t size =
      ZSTD_decompress(out.data(), out.size(), compressed.data(), compressed.size());
  if (ZSTD_isError(size) != 0 || size != out.size()) {
    return Failure{WireError::malformed};
  }
  return out;
}

}  // namespace gnomon::wire
