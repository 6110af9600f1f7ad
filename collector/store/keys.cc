#include "collector/store/keys.h"

#include <algorithm>
#include <limits>

#include "core/byte_writer.h"
#include "core/check.h"
#include "core/file.h"

namespace gnomon::store {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kRefusedFlag = 1;

void put_name(ByteWriter& out, std::string_view name) {
  // Agents are UUIDs and tool ids have at most 64 bytes: admit has checked both.
  GNOMON_CHECK(name.size() <= std::numeric_limits<std::uint8_t>::max());
  out.u8(static_cast<std::uint8_t>(name.size()));
  out.text(name);
}

void put_day(ByteWriter& out, Day day) {
  // Admitted days lie within a year and a half of receipt, so never before 1970.
  out.u32(static_cast<std::uint32_t>(day.number));
}

std::string text(const ByteWriter& out) {
  return std::string{text_of(out.view())};
}

std::string_view take_name(ByteReader& in) {
  return text_of(in.take(in.u8()));
}

std::uint64_t take_u64(ByteReader& in) {
  const std::uint64_t high = in.u32();
  return (high << 32) | in.u32();
}

Day take_day(ByteReader& in) {
  return Day{static_cast<std::int32_t>(in.u32())};
}

bool whole(const ByteReader& in) {
  return in.ok() && in.empty();
}

void put_batch_id(ByteWriter& out, const BatchId& id) {
  put_name(out, id.agent);
  out.u64(id.epoch);
  out.u64(id.sequence);
}

}  // namespace

std::string batch_key(const BatchId& id) {
  ByteWriter out;
  put_batch_id(out, id);
  return text(out);
}

std::string cursor_key(std::string_view agent) {
  return agent_key(agent);
}

std::string day_key(Day day, std::string_view tool, std::string_view device) {
  ByteWriter out;
  put_day(out, day);
  put_name(out, tool);
  put_name(out, device);
  return text(out);
}

std::string tool_key(std::string_view tool, std::string_view device) {
  ByteWriter out;
  put_name(out, tool);
  put_name(out, device);
  return text(out);
}

std::string agent_key(std::string_view agent) {
  ByteWriter out;
  put_name(out, agent);
  return text(out);
}

std::string health_key(Day day, std::string_view agent) {
  ByteWriter out;
  put_day(out, day);
  put_name(out, agent);
  return text(out);
}

std::string gap_key(Day received, const BatchId& id, std::uint16_t index) {
  ByteWriter out;
  put_day(out, received);
  put_batch_id(out, id);
  out.u16(index);
  return text(out);
}

std::string token_key(const TokenId& token, std::string_view device) {
  ByteWriter out;
  out.u32(token.epoch);
  out.bytes(token.token);
  put_name(out, device);
  return text(out);
}

std::string day_prefix(Day day) {
  ByteWriter out;
  put_day(out, day);
  return text(out);
}

std::string tool_prefix(std::string_view tool) {
  return agent_key(tool);
}

std::string token_prefix(const TokenId& token) {
  ByteWriter out;
  out.u32(token.epoch);
  out.bytes(token.token);
  return text(out);
}

std::string epoch_prefix(std::uint32_t epoch) {
  ByteWriter out;
  out.u32(epoch);
  return text(out);
}

std::optional<BatchId> parse_batch_key(std::string_view key) {
  ByteReader in{bytes_of(key)};
  BatchId id;
  id.agent = std::string{take_name(in)};
  id.epoch = take_u64(in);
  id.sequence = take_u64(in);
  return whole(in) ? std::optional{std::move(id)} : std::nullopt;
}

std::optional<DayKey> parse_day_key(std::string_view key) {
  ByteReader in{bytes_of(key)};
  DayKey parsed;
  parsed.day = take_day(in);
  parsed.tool = take_name(in);
  parsed.device = take_name(in);
  return whole(in) ? std::optional{parsed} : std::nullopt;
}

std::optional<ToolKey> parse_tool_key(std::string_view key) {
  ByteReader in{bytes_of(key)};
  ToolKey parsed;
  parsed.tool = take_name(in);
  parsed.device = take_name(in);
  return whole(in) ? std::optional{parsed} : std::nullopt;
}

std::optional<TokenKey> parse_token_key(std::string_view key) {
  ByteReader in{bytes_of(key)};
  TokenKey parsed;
  parsed.token.epoch = in.u32();
  const Bytes token = in.take(parsed.token.token.size());
  std::copy(token.begin(), token.end(), parsed.token.token.begin());
  parsed.device = take_name(in);
  return whole(in) ? std::optional{parsed} : std::nullopt;
}

std::optional<std::string_view> parse_agent_key(std::string_view key) {
  ByteReader in{bytes_of(key)};
  const std::string_view agent = take_name(in);
  return whole(in) ? std::optional{agent} : std::nullopt;
}

std::optional<DayAgentKey> parse_day_agent_key(std::string_view key) {
  ByteReader in{bytes_of(key)};
  DayAgentKey parsed;
  parsed.day = take_day(in);
  parsed.agent = take_name(in);
  return in.ok() ? std::optional{parsed} : std::nullopt;
}

std::string batch_value(const BatchRecord& record) {
  ByteWriter out;
  out.u8(kFormat);
  out.u8(record.refused ? kRefusedFlag : std::uint8_t{0});
  out.u64(static_cast<std::uint64_t>(record.received.time_since_epoch().count()));
  out.u64(record.first_sequence);
  out.text(record.encoded);
  return text(out);
}

std::optional<BatchRecord> parse_batch_value(std::string_view value) {
  ByteReader in{bytes_of(value)};
  const std::uint8_t format = in.u8();
  const std::uint8_t flags = in.u8();
  BatchRecord record;
  record.refused = (flags & kRefusedFlag) != 0;
  record.received = WallTime{std::chrono::nanoseconds{static_cast<std::int64_t>(take_u64(in))}};
  record.first_sequence = take_u64(in);
  if (!in.ok() || format != kFormat) {
    return std::nullopt;
  }
  record.encoded = text_of(in.take(in.remaining()));
  return record;
}

std::string cursor_value(const Cursor& cursor) {
  ByteWriter out;
  out.u8(kFormat);
  out.u64(cursor.epoch);
  out.u64(cursor.sequence);
  return text(out);
}

std::optional<Cursor> parse_cursor_value(std::string_view value) {
  ByteReader in{bytes_of(value)};
  const std::uint8_t format = in.u8();
  Cursor cursor;
  cursor.epoch = take_u64(in);
  cursor.sequence = take_u64(in);
  return whole(in) && format == kFormat ? std::optional{cursor} : std::nullopt;
}

}  // namespace gnomon::store
