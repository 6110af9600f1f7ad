// The bytes of totals on disk. Every one begins with its format number, so that a later version
// can read what an earlier one wrote, or have it rebuilt from the batches.

#include <limits>

#include "collector/rollup/totals.h"
#include "core/byte_writer.h"

namespace gnomon {
namespace {

constexpr std::uint8_t kFormat = 1;

// Writer adds to ByteWriter what totals are made of.
class Writer {
 public:
  Writer() { out_.u8(kFormat); }

  void u8(std::uint8_t value) { out_.u8(value); }
  void u16(std::uint16_t value) { out_.u16(value); }
  void u32(std::uint32_t value) { out_.u32(value); }
  void u64(std::uint64_t value) { out_.u64(value); }
  void time(WallTime value) {
    out_.u64(static_cast<std::uint64_t>(value.time_since_epoch().count()));
  }
  void text(const std::string& value) {
    out_.u16(static_cast<std::uint16_t>(value.size()));
    out_.text(value);
  }
  void texts(const std::vector<std::string>& values) {
    out_.u8(static_cast<std::uint8_t>(values.size()));
    for (const std::string& value : values) {
      text(value);
    }
  }
  std::string take() {
    const Bytes bytes = out_.view();
    return {bytes.begin(), bytes.end()};
  }

 private:
  ByteWriter out_;
};

class Reader {
 public:
  explicit Reader(Bytes bytes) : in_(bytes) { known_ = in_.u8() == kFormat; }

  std::uint8_t u8() { return in_.u8(); }
  std::uint16_t u16() { return in_.u16(); }
  std::uint32_t u32() { return in_.u32(); }
  std::uint64_t u64() {
    const std::uint64_t high = in_.u32();
    return (high << 32) | in_.u32();
  }
  WallTime time() { return WallTime{std::chrono::nanoseconds{static_cast<std::int64_t>(u64())}}; }
  std::string text() {
    const Bytes run = in_.take(in_.u16());
    return {run.begin(), run.end()};
  }
  std::vector<std::string> texts() {
    std::vector<std::string> values(in_.u8());
    for (std::string& value : values) {
      value = text();
    }
    return values;
  }
  template <typename Enum>
  Enum word(Enum last) {
    const std::uint8_t number = in_.u8();
    if (number > static_cast<std::uint8_t>(last)) {
      known_ = false;
      return Enum{};
    }
    return static_cast<Enum>(number);
  }

  // whole says whether everything could be read and nothing is left.
  bool whole() const { return known_ && in_.ok() && in_.empty(); }

 private:
  ByteReader in_;
  bool known_ = false;
};

void write(Writer& out, const Health& health) {
  out.time(health.when);
  for (const std::uint64_t value :
       {health.packets, health.dropped, health.hellos, health.hellos_incomplete, health.ech_real,
        health.encrypted_dns, health.flows_evicted, health.rss_bytes, health.cpu_ms,
        health.spool_bytes}) {
    out.u64(value);
  }
  out.u32(health.pack_version);
  out.text(health.agent_version);
  out.texts(health.notes);
}

Health read_health(Reader& in) {
  Health health;
  health.when = in.time();
  for (std::uint64_t* value :
       {&health.packets, &health.dropped, &health.hellos, &health.hellos_incomplete,
        &health.ech_real, &health.encrypted_dns, &health.flows_evicted, &health.rss_bytes,
        &health.cpu_ms, &health.spool_bytes}) {
    *value = in.u64();
  }
  health.pack_version = in.u32();
  health.agent_version = in.text();
  health.notes = in.texts();
  return health;
}

template <typename T>
std::optional<T> if_whole(const Reader& in, T&& value) {
  if (!in.whole()) {
    return std::nullopt;
  }
  return std::forward<T>(value);
}

}  // namespace

std::string encode(const DayTotal& total) {
  Writer out;
  out.u8(static_cast<std::uint8_t>(total.stage));
  out.u16(total.confidence);
  out.u32(total.contacts);
  out.time(total.first);
  out.time(total.last);
  for (const std::uint32_t count : total.by_role) {
    out.u32(count);
  }
  for (const std::uint64_t value :
       {total.dns, total.tls, total.quic, total.http, total.bytes_up, total.bytes_down}) {
    out.u64(value);
  }
  out.texts(total.tenants);
  out.texts(total.api_programs);
  out.u8(total.signup ? 1 : 0);
  if (total.signup) {
    out.time(total.signup->when);
    out.u16(total.signup->confidence);
    out.text(total.signup->tenant);
    out.u8(static_cast<std::uint8_t>(total.signup->evidence.size()));
    for (const Evidence& line : total.signup->evidence) {
      out.time(line.when);
      out.u8(static_cast<std::uint8_t>(line.role));
      out.text(line.what);
      out.text(line.host);
    }
  }
  return out.take();
}

std::optional<DayTotal> decode_day_total(Bytes bytes) {
  Reader in{bytes};
  DayTotal total;
  total.stage = in.word(Stage::dormant);
  total.confidence = in.u16();
  total.contacts = in.u32();
  total.first = in.time();
  total.last = in.time();
  for (std::uint32_t& count : total.by_role) {
    count = in.u32();
  }
  for (std::uint64_t* value :
       {&total.dns, &total.tls, &total.quic, &total.http, &total.bytes_up, &total.bytes_down}) {
    *value = in.u64();
  }
  total.tenants = in.texts();
  total.api_programs = in.texts();
  if (in.u8() == 1) {
    SignupTotal signup;
    signup.when = in.time();
    signup.confidence = in.u16();
    signup.tenant = in.text();
    signup.evidence.resize(in.u8());
    for (Evidence& line : signup.evidence) {
      line.when = in.time();
      line.role = in.word(Role::idp);
      line.what = in.text();
      line.host = in.text();
    }
    total.signup = std::move(signup);
  }
  return if_whole(in, std::move(total));
}

std::string encode(const ToolDevice& total) {
  Writer out;
  for (const WallTime time : {total.first_seen, total.last_seen, total.first_used, total.last_used,
                              total.first_signup, total.first_active, total.first_integrated}) {
    out.time(time);
  }
  return out.take();
}

std::optional<ToolDevice> decode_tool_device(Bytes bytes) {
  Reader in{bytes};
  ToolDevice total;
  for (WallTime* time : {&total.first_seen, &total.last_seen, &total.first_used, &total.last_used,
                         &total.first_signup, &total.first_active, &total.first_integrated}) {
    *time = in.time();
  }
  return if_whole(in, std::move(total));
}

std::string encode(const HealthDay& total) {
  Writer out;
  out.u32(total.reports);
  write(out, total.first);
  write(out, total.last);
  write(out, total.grown);
  return out.take();
}

std::optional<HealthDay> decode_health_day(Bytes bytes) {
  Reader in{bytes};
  HealthDay total;
  total.reports = in.u32();
  total.first = read_health(in);
  total.last = read_health(in);
  total.grown = read_health(in);
  return if_whole(in, std::move(total));
}

std::string encode(const AgentTotal& total) {
  Writer out;
  out.time(total.first_received);
  out.time(total.last_received);
  out.u64(static_cast<std::uint64_t>(total.clock_ahead_ns));
  for (const std::uint64_t value :
       {total.batches, total.refused, total.contacts, total.gaps, total.contacts_lost}) {
    out.u64(value);
  }
  out.u8(total.health ? 1 : 0);
  if (total.health) {
    write(out, *total.health);
  }
  return out.take();
}

std::optional<AgentTotal> decode_agent_total(Bytes bytes) {
  Reader in{bytes};
  AgentTotal total;
  total.first_received = in.time();
  total.last_received = in.time();
  total.clock_ahead_ns = static_cast<std::int64_t>(in.u64());
  for (std::uint64_t* value :
       {&total.batches, &total.refused, &total.contacts, &total.gaps, &total.contacts_lost}) {
    *value = in.u64();
  }
  if (in.u8() == 1) {
    total.health = read_health(in);
  }
  return if_whole(in, std::move(total));
}

std::string encode(const Gap& gap) {
  Writer out;
  out.time(gap.from);
  out.time(gap.to);
  out.text(gap.reason);
  out.u64(gap.contacts);
  out.u64(gap.from_sequence);
  out.u64(gap.to_sequence);
  return out.take();
}

std::optional<Gap> decode_gap(Bytes bytes) {
  Reader in{bytes};
  Gap gap;
  gap.from = in.time();
  gap.to = in.time();
  gap.reason = in.text();
  gap.contacts = in.u64();
  gap.from_sequence = in.u64();
  gap.to_sequence = in.u64();
  return if_whole(in, std::move(gap));
}

std::string encode(const TokenDevice& total) {
  Writer out;
  out.u32(total.first_day);
  out.u32(total.last_day);
  return out.take();
}

std::optional<TokenDevice> decode_token_device(Bytes bytes) {
  Reader in{bytes};
  TokenDevice total;
  total.first_day = in.u32();
  total.last_day = in.u32();
  return if_whole(in, std::move(total));
}

}  // namespace gnomon
