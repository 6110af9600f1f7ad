// Builders of batches and uploads, for tests of the rooms behind the wire.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "collector/ingest/upload.h"
#include "core/wire/batch.h"

namespace gnomon::testing {

// at gives a moment of the week of Monday, 16 November 2026 (2026-W47), UTC.
inline WallTime at(int day_of_november, int hour = 10, int minute = 0) {
  using namespace std::chrono;
  return WallTime{sys_days{year{2026} / November / day_of_november} + hours{hour} +
                  minutes{minute}};
}

inline Contact contact(std::string tool, Role role, Stage stage, WallTime when,
                       std::uint16_t confidence = 700) {
  Contact made;
  made.tool = std::move(tool);
  made.role = role;
  made.audience = Audience::user;
  made.stage = stage;
  made.confidence = confidence;
  made.window_begin = when;
  made.window_end = when + std::chrono::minutes{15};
  made.first = when;
  made.last = when + std::chrono::minutes{5};
  made.tls = 3;
  made.dns = 1;
  made.pack_version = 7;
  return made;
}

inline Batch batch_of(std::vector<Contact> contacts, WallTime sealed) {
  Batch batch;
  batch.contacts = std::move(contacts);
  batch.sealed = sealed;
  return batch;
}

inline Upload upload(std::string agent, std::uint64_t epoch, std::uint64_t sequence,
                     const Batch& batch, WallTime received) {
  Upload made;
  made.id = BatchId{std::move(agent), epoch, sequence};
  made.first_sequence = sequence;
  made.received = received;
  made.encoded = wire::encode_batch(batch);
  return made;
}

}  // namespace gnomon::testing
