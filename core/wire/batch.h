// Batch: what an agent sends at once, and its form on the wire (gnomon/v1/contact.proto).

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/byte_reader.h"
#include "core/contact.h"
#include "core/result.h"
#include "core/wire/wire_error.h"

namespace gnomon {

// Gap declares a loss. Never silent.
struct Gap {
  WallTime from;
  WallTime to;
  std::string reason;  // "spool-full", "spool-expired", "record-damaged", "retention-passed",
                       // "window-overflow"
  std::uint64_t contacts = 0;       // how many were lost, as far as known
  std::uint64_t from_sequence = 0;  // batches that will never come, inclusive; 0 when none
  std::uint64_t to_sequence = 0;

  bool operator==(const Gap&) const = default;
};

// Health is what the agent could and could not see. Numbers count since the agent's start.
struct Health {
  WallTime when;
  std::uint64_t packets = 0;  // seen by the capture room
  std::uint64_t dropped = 0;  // by the kernel, for want of room
  std::uint64_t hellos = 0;   // TLS and QUIC hellos read
  std::uint64_t hellos_incomplete = 0;
  std::uint64_t ech_real = 0;       // names hidden by ECH
  std::uint64_t encrypted_dns = 0;  // contacts with encrypted resolvers
  std::uint64_t flows_evicted = 0;
  std::uint64_t rss_bytes = 0;
  std::uint64_t cpu_ms = 0;  // of the whole process since start
  std::uint32_t pack_version = 0;
  std::string agent_version;
  std::uint64_t spool_bytes = 0;
  std::vector<std::string> notes;  // degraded modes in words

  bool operator==(const Health&) const = default;
};

// UnknownToken stands for a domain outside the catalogue without naming it: HMAC-SHA-256 under a
// key that agents share and the collector does not have, cut to 16 bytes.
using UnknownToken = std::array<std::uint8_t, 16>;

// TokenReport is all that leaves a machine about such a domain: days, not times.
struct TokenReport {
  UnknownToken token{};
  std::uint32_t epoch = 0;      // of the key
  std::uint32_t first_day = 0;  // first and last day it was seen, days since 1970 in UTC
  std::uint32_t last_day = 0;

  bool operator==(const TokenReport&) const = default;
};

// Batch is the unit of durability and acknowledgement.
struct Batch {
  std::vector<Contact> contacts;
  std::vector<Gap> gaps;
  std::optional<Health> health;
  WallTime sealed;                       // agent's wall clock when it was spooled
  std::int64_t sealed_monotonic_ns = 0;  // agent's monotonic clock at the same moment
  std::uint64_t part = 0;  // its place within a replay, from 1: how far a killed one had come
  std::vector<TokenReport> unknowns;

  bool operator==(const Batch&) const = default;
};

// Limits of a batch. A sender keeps them with fits(); a receiver refuses what breaks them.
constexpr std::size_t kMaxBatchContacts = 4096;
constexpr std::size_t kMaxBatchGaps = 256;
constexpr std::size_t kMaxBatchUnknowns = 1024;
constexpr std::size_t kMaxHealthNotes = 16;
constexpr std::size_t kMaxToolBytes = 64;
constexpr std::size_t kMaxTenantBytes = 253;                            // part of a host name
constexpr std::size_t kMaxUserBytes = 64;                               // a pseudonym
constexpr std::size_t kMaxProgramBytes = 64;                            // a program's name
constexpr std::size_t kMaxWhatBytes = 200;                              // one short sentence
constexpr std::size_t kMaxReasonBytes = 64;                             // a word of ours
constexpr std::size_t kMaxBatchBytes = std::size_t{4} << 20;            // serialized
constexpr std::size_t kMaxCompressedBatchBytes = std::size_t{1} << 20;  // and compressed

namespace wire {

// encode_batch gives the serialized gnomon.v1.Batch. Texts that only inform (evidence, program,
// notes) are cut to their limit at a character's end; for everything else see fits().
std::string encode_batch(const Batch& batch);

// fits says whether a receiver will take the batch as encode_batch() writes it.
bool fits(const Batch& batch);

// decode_batch reads and checks a batch from a stranger: sizes before allocation, tool ids
// [a-z0-9-], printable UTF-8 everywhere, windows that end after they begin, confidence at most
// 1000. A role, audience or stage that this version does not know becomes `unknown` or `none`.
Result<Batch, WireError> decode_batch(Bytes encoded);

// compress and decompress wrap zstd. decompress refuses, before it allocates, a frame that does
// not state its size or states more than `limit`.
std::string compress(std::string_view plain);
Result<std::string, WireError> decompress(Bytes compressed, std::size_t limit);

}  // namespace wire
}  // namespace gnomon
