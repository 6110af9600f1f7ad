#include "agent/status_writer.h"

#include <unistd.h>

#include <cstdint>
#include <utility>

#include "agent/status_file.h"

namespace gnomon {

StatusWriter::StatusWriter(Parts parts, std::string path, std::string mode)
    : parts_(parts), path_(std::move(path)), mode_(std::move(mode)), started_(parts.clock.wall()) {}

void StatusWriter::write(const Spool& spool, const UplinkStatus* link, std::string strain,
                         std::string trouble) {
  const AgentRules& rules = parts_.pushes.rules();
  Status status;
  status.pid = static_cast<std::uint32_t>(::getpid());
  status.mode = mode_;
  status.started = started_;
  status.updated = parts_.clock.wall();
  status.pack_version = rules.version();
  status.overlay_version = rules.overlay_version();
  status.own_tools = static_cast<std::uint32_t>(rules.own_tools());
  status.policy_version = parts_.pushes.in_force().policy_version;
  status.last_sequence = spool.last_sequence();
  status.acknowledged = spool.acknowledged();
  status.spool_bytes = spool.bytes();
  status.confinement = confinement_;
  status.strain = std::move(strain);
  status.trouble = std::move(trouble);
  status.attributed = attributed_of(parts_.counters);
  if (link != nullptr) {
    status.connected = link->state == UplinkState::connected;
    if (status.connected) {
      last_contact_ = status.updated;
    }
    status.last_contact = last_contact_;
    status.clock_offset = link->clock_offset;
    if (status.trouble.empty()) {
      status.trouble = link->reason;
    }
  }
  // It only informs: a full disk is told of elsewhere.
  static_cast<void>(replace_file(parts_.files, path_, encode_status(status), Durable::no));
}

}  // namespace gnomon
