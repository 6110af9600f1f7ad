// Builders of contacts and batches that say only what a test cares about.

#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "core/wire/batch.h"

namespace gnomon::testing {

// test_time is Monday 2026-11-16, 08:00 UTC plus `minutes`.
inline WallTime test_time(int minutes = 0) {
  return WallTime{std::chrono::sys_days{std::chrono::year{2026} / 11 / 16}} +
         std::chrono::hours{8} + std::chrono::minutes{minutes};
}

// contact_with makes a whole, valid contact: one hour, one visit.
inline Contact contact_with(std::string tool, Role role = Role::app, Stage stage = Stage::visited) {
  Contact contact;
  contact.tool = std::move(tool);
  contact.role = role;
  contact.audience = Audience::user;
  contact.stage = stage;
  contact.confidence = 700;
  contact.window_begin = test_time(0);
  contact.window_end = test_time(60);
  contact.first = test_time(3);
  contact.last = test_time(40);
  contact.tls = 2;
  contact.program = "firefox";
  contact.pack_version = 7;
  return contact;
}

// batch_of makes a batch of one contact with `tool`.
inline Batch batch_of(std::string tool, int minutes = 0) {
  Batch batch;
  batch.contacts.push_back(contact_with(std::move(tool)));
  batch.sealed = test_time(minutes);
  batch.sealed_monotonic_ns = 1'000'000'000;
  return batch;
}

}  // namespace gnomon::testing
