// The keys of every column family: FORMAT.md, with the bytes of one example each.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "collector/ingest/upload.h"
#include "collector/rollup/calendar.h"
#include "collector/rollup/totals.h"

namespace gnomon::store {

// Numbers are big-endian so that byte order is their order; a name is one length byte and its
// bytes, so that no name is a prefix of another's key. Names are at most 255 bytes.
std::string batch_key(const BatchId& id);
std::string cursor_key(std::string_view agent);
std::string day_key(Day day, std::string_view tool, std::string_view device);
std::string tool_key(std::string_view tool, std::string_view device);
std::string agent_key(std::string_view agent);
std::string health_key(Day day, std::string_view agent);
std::string gap_key(Day received, const BatchId& id, std::uint16_t index);

std::string token_key(const TokenId& token, std::string_view device);

// Prefixes for scans.
std::string day_prefix(Day day);
std::string tool_prefix(std::string_view tool);
std::string token_prefix(const TokenId& token);
std::string epoch_prefix(std::uint32_t epoch);

// What the keys hold. parse_* yield nullopt for bytes that are no such key; the views borrow.
struct DayKey {
  Day day;
  std::string_view tool;
  std::string_view device;
};
struct ToolKey {
  std::string_view tool;
  std::string_view device;
};
struct TokenKey {
  TokenId token;
  std::string_view device;
};
struct DayAgentKey {  // of health and gaps
  Day day;
  std::string_view agent;
};
std::optional<BatchId> parse_batch_key(std::string_view key);
std::optional<DayKey> parse_day_key(std::string_view key);
std::optional<ToolKey> parse_tool_key(std::string_view key);
std::optional<TokenKey> parse_token_key(std::string_view key);
std::optional<std::string_view> parse_agent_key(std::string_view key);
std::optional<DayAgentKey> parse_day_agent_key(std::string_view key);

// BatchRecord is the value of a batch: what rebuilding needs to admit it again as it was.
struct BatchRecord {
  bool refused = false;  // `encoded` is empty then: it may not be kept
  WallTime received;
  std::uint64_t first_sequence = 0;
  std::string_view encoded;  // borrowed when parsed
};
// A batch key with epoch and sequence 0 is no batch: it holds what batches that have left the store
// said of their agent (Tally::carried).
inline bool is_carried(const BatchId& id) {
  return id.epoch == 0 && id.sequence == 0;
}

std::string batch_value(const BatchRecord& record);
std::optional<BatchRecord> parse_batch_value(std::string_view value);

std::string cursor_value(const Cursor& cursor);
std::optional<Cursor> parse_cursor_value(std::string_view value);

}  // namespace gnomon::store
