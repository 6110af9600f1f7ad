#include "tests/load/swarm_payload.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "core/clock.h"

namespace gnomon {

Batch sample_batch(std::uint32_t contacts) {
  const std::uint32_t tools = std::max(1U, contacts * 2 / 5);
  Batch batch;
  const WallTime now = SystemClock{}.wall();
  batch.sealed = now;
  for (std::uint32_t i = 0; i < contacts; ++i) {
    Contact contact;
    contact.tool = "tool-" + std::to_string(i % tools);
    contact.role = static_cast<Role>(1 + i % 10);
    contact.audience = Audience::user;
    contact.stage = Stage::visited;
    contact.confidence = 900;
    contact.window_begin = now - std::chrono::minutes{15};
    contact.window_end = now;
    contact.first = now - std::chrono::minutes{14};
    contact.last = now - std::chrono::seconds{1 + i % 600};
    contact.tls = 1 + i % 5;
    contact.program = "firefox";
    contact.pack_version = 1;
    if (i % 4 == 0) {
      contact.evidence.push_back(
          {contact.first, "opened the product's own screens", "app.example.com", Role::app});
    }
    batch.contacts.push_back(std::move(contact));
  }
  return batch;
}

}  // namespace gnomon
