#include "agent/memory_file.h"

#include <algorithm>
#include <string_view>
#include <system_error>

#include "agent/sealed_file.h"
#include "core/byte_writer.h"
#include "core/sha256.h"

namespace gnomon {
namespace {

constexpr std::string_view kMagic = "GNMEMO02";
constexpr std::string_view kMagicBefore = "GNMEMO01";  // without the ledger

std::uint64_t read_u64(ByteReader& reader) {
  const std::uint64_t high = reader.u32();
  return high << 32U | reader.u32();
}

ReplayId read_id(ByteReader& reader) {
  ReplayId id{};
  const Bytes run = reader.take(id.size());
  std::copy(run.begin(), run.end(), id.begin());
  return id;
}

}  // namespace

bool Memory::has_done(const ReplayId& id) const {
  return std::find(done.begin(), done.end(), id) != done.end();
}

void Memory::finish() {
  if (!running) {
    return;
  }
  std::erase(done, running->id);
  done.push_back(running->id);
  if (done.size() > kMaxReplaysDone) {
    done.erase(done.begin());
  }
  running.reset();
}

std::vector<std::uint8_t> encode_memory(const Memory& memory) {
  ByteWriter writer;
  writer.text(kMagic);
  writer.u32(static_cast<std::uint32_t>(memory.evidence.size()));
  writer.bytes(memory.evidence);
  writer.u32(static_cast<std::uint32_t>(memory.ledger.size()));
  writer.bytes(memory.ledger);
  writer.u8(memory.running ? 1 : 0);
  if (memory.running) {
    writer.bytes(memory.running->id);
    writer.u64(memory.running->epoch);
    writer.u64(memory.running->base_sequence);
  }
  writer.u32(static_cast<std::uint32_t>(memory.done.size()));
  for (const ReplayId& id : memory.done) {
    writer.bytes(id);
  }
  const Sha256 hash = sha256(writer.view());
  writer.bytes(hash);
  return writer.take();
}

std::optional<Memory> decode_memory(Bytes bytes) {
  if (bytes.size() < kMagic.size() + kSha256Bytes || bytes.size() > kMaxMemoryBytes) {
    return std::nullopt;
  }
  const Bytes body = bytes.first(bytes.size() - kSha256Bytes);
  const Sha256 hash = sha256(body);
  if (!std::equal(hash.begin(), hash.end(), bytes.last(kSha256Bytes).begin())) {
    return std::nullopt;
  }
  ByteReader reader{body};
  const std::string_view magic = text_of(reader.take(kMagic.size()));
  if (magic != kMagic && magic != kMagicBefore) {
    return std::nullopt;
  }
  Memory memory;
  const Bytes evidence = reader.take(reader.u32());
  memory.evidence.assign(evidence.begin(), evidence.end());
  if (magic == kMagic) {
    const Bytes ledger = reader.take(reader.u32());
    memory.ledger.assign(ledger.begin(), ledger.end());
  }
  if (reader.u8() == 1) {
    RunningReplay running;
    running.id = read_id(reader);
    running.epoch = read_u64(reader);
    running.base_sequence = read_u64(reader);
    memory.running = running;
  }
  const std::uint32_t count = reader.u32();
  if (!reader.ok() || count > kMaxReplaysDone || reader.remaining() != count * sizeof(ReplayId)) {
    return std::nullopt;
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    memory.done.push_back(read_id(reader));
  }
  return memory;
}

Result<Memory, IoError> MemoryFile::load() {
  const auto there = files_.exists(path_);
  if (!there) {
    return Failure{there.error()};
  }
  if (!*there) {
    return Memory{};
  }
  const auto text = read_sealed_file(files_, path_, kMaxMemoryBytes, cipher_, kMemoryPurpose);
  if (!text && text.error().code != std::errc::file_too_large &&
      text.error().code != std::errc::bad_message) {
    return Failure{text.error()};
  }
  auto memory = text ? decode_memory(bytes_of(*text)) : std::nullopt;
  if (!memory) {
    if (const auto moved = files_.rename(path_, path_ + ".damaged"); !moved) {
      return Failure{moved.error()};
    }
    return Failure{IoError{"read", path_, std::make_error_code(std::errc::bad_message)}};
  }
  return std::move(*memory);
}

Result<Ok, IoError> MemoryFile::save(const Memory& memory) {
  const std::vector<std::uint8_t> bytes = encode_memory(memory);
  return replace_sealed_file(files_, path_, text_of(bytes), cipher_, kMemoryPurpose);
}

}  // namespace gnomon
