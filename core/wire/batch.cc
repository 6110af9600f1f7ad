#include "core/wire/batch.h"

#include <google/protobuf/stubs/logging.h>
#include <zstd.h>

#include <algorithm>
#include <chrono>

#include "core/check.h"
#include "core/domain_name.h"
#include "core/wire/batch_proto.h"
#include "core/wire/text.h"
#include "gnomon/v1/contact.pb.h"

namespace gnomon::wire {
namespace {

// Protobuf writes a line to standard error for every message that it refuses: a stranger could
// fill the log with it. The error is ours to count.
[[maybe_unused]] const auto kQuietProtobuf = google::protobuf::SetLogHandler(nullptr);

std::int64_t to_ns(WallTime time) {
  return time.time_since_epoch().count();
}
WallTime from_ns(std::int64_t ns) {
  return WallTime{std::chrono::nanoseconds{ns}};
}

template <typename Enum>
Enum known_or_zero(std::uint32_t number, Enum last) {
  return number <= static_cast<std::uint32_t>(last) ? static_cast<Enum>(number) : Enum{};
}

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

Contact from_proto(const v1::Contact& in) {
  Contact contact;
  contact.tool = in.tool();
  contact.tenant = in.tenant();
  contact.role = known_or_zero(in.role(), Role::idp);
  contact.audience = known_or_zero(in.audience(), Audience::visitor);
  contact.stage = known_or_zero(in.stage(), Stage::dormant);
  contact.confidence = static_cast<std::uint16_t>(in.confidence());
  contact.window_begin = from_ns(in.window_begin_ns());
  contact.window_end = from_ns(in.window_end_ns());
  contact.first = from_ns(in.first_ns());
  contact.last = from_ns(in.last_ns());
  contact.dns = in.dns();
  contact.tls = in.tls();
  contact.quic = in.quic();
  contact.http = in.http();
  contact.bytes_up = in.bytes_up();
  contact.bytes_down = in.bytes_down();
  contact.user = in.user();
  contact.program = in.program();
  contact.pack_version = in.pack_version();
  for (const v1::Evidence& line : in.evidence()) {
    contact.evidence.push_back(Evidence{from_ns(line.when_ns()), line.what(), line.host(),
                                        known_or_zero(line.role(), Role::idp)});
  }
  return contact;
}

bool is_tool_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxToolBytes &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

// check yields the first limit or rule that a decoded contact breaks.
std::optional<WireError> check(const v1::Contact& contact) {
  if (contact.tenant().size() > kMaxTenantBytes || contact.user().size() > kMaxUserBytes ||
      contact.program().size() > kMaxProgramBytes ||
      static_cast<std::size_t>(contact.evidence_size()) > kMaxEvidence) {
    return WireError::over_limit;
  }
  if (!is_tool_id(contact.tool()) || !is_printable(contact.tenant()) ||
      !is_printable(contact.user()) || !is_printable(contact.program()) ||
      contact.confidence() > 1000 || contact.window_begin_ns() > contact.window_end_ns() ||
      contact.first_ns() > contact.last_ns()) {
    return WireError::malformed;
  }
  for (const v1::Evidence& line : contact.evidence()) {
    if (line.what().size() > kMaxWhatBytes || line.host().size() > kMaxNameBytes) {
      return WireError::over_limit;
    }
    if (!is_printable(line.what()) || !is_printable(line.host())) {
      return WireError::malformed;
    }
  }
  return std::nullopt;
}

std::optional<WireError> check(const v1::Gap& gap) {
  if (gap.reason().size() > kMaxReasonBytes) {
    return WireError::over_limit;
  }
  if (gap.reason().empty() || !is_printable(gap.reason()) || gap.from_ns() > gap.to_ns() ||
      gap.from_sequence() > gap.to_sequence()) {
    return WireError::malformed;
  }
  return std::nullopt;
}

std::optional<WireError> check(const v1::UnknownToken& report) {
  // Days beyond this would overflow the nanoseconds of a WallTime (the year 2262).
  constexpr std::uint32_t kLastDay = 106'000;
  const bool good = report.token().size() == UnknownToken{}.size() &&
                    report.first_day() <= report.last_day() && report.last_day() <= kLastDay;
  return good ? std::nullopt : std::optional{WireError::malformed};
}

TokenReport from_proto(const v1::UnknownToken& in) {
  TokenReport report;
  std::copy(in.token().begin(), in.token().end(), report.token.begin());
  report.epoch = in.epoch();
  report.first_day = in.first_day();
  report.last_day = in.last_day();
  return report;
}

std::optional<WireError> check(const v1::Batch& batch) {
  if (static_cast<std::size_t>(batch.contacts_size()) > kMaxBatchContacts ||
      static_cast<std::size_t>(batch.gaps_size()) > kMaxBatchGaps ||
      static_cast<std::size_t>(batch.unknowns_size()) > kMaxBatchUnknowns) {
    return WireError::over_limit;
  }
  for (const v1::Contact& contact : batch.contacts()) {
    if (const auto fault = check(contact)) {
      return fault;
    }
  }
  for (const v1::Gap& gap : batch.gaps()) {
    if (const auto fault = check(gap)) {
      return fault;
    }
  }
  for (const v1::UnknownToken& report : batch.unknowns()) {
    if (const auto fault = check(report)) {
      return fault;
    }
  }
  return batch.has_health() ? wire::check(batch.health()) : std::nullopt;
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
  const v1::Batch out = to_proto(batch);
  return !check(out) && out.ByteSizeLong() <= kMaxBatchBytes;
}

Result<Batch, WireError> decode_batch(Bytes encoded) {
  if (encoded.size() > kMaxBatchBytes) {
    return Failure{WireError::over_limit};
  }
  v1::Batch in;
  if (!in.ParseFromArray(encoded.data(), static_cast<int>(encoded.size()))) {
    return Failure{WireError::malformed};
  }
  if (const auto fault = check(in)) {
    return Failure{*fault};
  }
  Batch batch;
  batch.contacts.reserve(static_cast<std::size_t>(in.contacts_size()));
  for (const v1::Contact& contact : in.contacts()) {
    batch.contacts.push_back(from_proto(contact));
  }
  for (const v1::Gap& gap : in.gaps()) {
    batch.gaps.push_back(Gap{from_ns(gap.from_ns()), from_ns(gap.to_ns()), gap.reason(),
                             gap.contacts(), gap.from_sequence(), gap.to_sequence()});
  }
  if (in.has_health()) {
    batch.health = from_proto(in.health());
  }
  batch.sealed = from_ns(in.sealed_ns());
  batch.sealed_monotonic_ns = in.sealed_monotonic_ns();
  batch.part = in.part();
  for (const v1::UnknownToken& report : in.unknowns()) {
    batch.unknowns.push_back(from_proto(report));
  }
  return batch;
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
