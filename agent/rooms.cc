#include "agent/rooms.h"

#include <utility>

#include "agent/agent_error.h"
#include "agent/attribute/linux_attributor.h"
#include "agent/attribute/sender_table.h"
#include "agent/capture/live_packet_source.h"
#include "agent/confinement.h"
#include "agent/data_folder.h"
#include "agent/enrolment.h"
#include "agent/privileges.h"
#include "agent/spool_key.h"
#include "core/log.h"

namespace gnomon {

EvidenceOptions evidence_options(const Config& config, unsigned default_learning_days) {
  EvidenceOptions options;
  options.learning = std::chrono::days{config.learning_days.value_or(default_learning_days)};
  options.windows.length = std::chrono::minutes{config.window_minutes};
  return options;
}

LedgerOptions ledger_options(const Config& config) {
  return {std::chrono::days{config.unknown_days}, config.internal_domains};
}

std::unique_ptr<Spool> open_spool(const Config& config, FileSystem& files, const Clock& clock,
                                  Counters& counters, const RecordCipher* cipher) {
  SpoolOptions options;
  options.directory = DataFolder{config.data}.spool();
  options.max_bytes = std::uint64_t{config.spool_mb} << 20U;
  options.max_age = std::chrono::days{config.spool_days};
  auto spool = Spool::open(files, clock, counters, options, cipher);
  if (!spool) {
    throw AgentError{spool.error().text()};
  }
  return std::move(*spool);
}

std::unique_ptr<RecordCipher> open_cipher(const Config& config, FileSystem& files) {
  auto keys =
      open_spool_keys(files, DataFolder{config.data}, KeyPlaces::of_process(), MissingKey::make);
  if (!keys) {
    throw AgentError{"the key of the spool cannot be used: " + keys.error().text()};
  }
  log::info("spool.key", {{"is", keys->words}});
  return std::move(keys->cipher);
}

std::string confine_or_say() {
  const auto confined = confine_process();
  if (confined) {
    return {};
  }
  log::warn("agent.calls_not_held", {{"why", confined.error().text()}});
  return confined.error().text();
}

std::function<std::string()> io_cage(const Config& config, bool names_programs,
                                     std::string calls_fault) {
  Reach reach = usual_reach();
  reach.writable.push_back(config.data);
  reach.ports.push_back(53);  // names that do not fit a datagram are asked for again over TCP
  for (const HostPort& address : collector_addresses(config)) {
    reach.ports.push_back(address.port);
  }
  if (const auto proxy = proxy_address(config)) {
    reach.ports.push_back(proxy->port);
  }
  Cage cage;
  cage.keeps_rights = names_programs;
  cage.calls_fault = std::move(calls_fault);
  return [reach = std::move(reach), cage = std::move(cage)]() mutable -> std::string {
    if (const auto dropped = drop_privileges({}); !dropped) {
      log::warn("agent.rights_kept", {{"why", dropped.error().text()}});
    }
    cage.io = confine_io(reach);
    if (!cage.io.fault.empty()) {
      log::warn("agent.io_not_confined", {{"why", cage.io.fault}});
    }
    return confinement_words(cage);
  };
}

std::unique_ptr<PacketSource> open_live(const std::vector<std::string>& interfaces,
                                        Counters& counters) {
  LiveOptions options;
  options.interfaces = interfaces;
  auto source = LivePacketSource::open(options, counters);
  if (!source) {
    throw AgentError{source.error().text};
  }
  return std::move(*source);
}

std::unique_ptr<Attributor> open_attributor(Counters& counters, const Clock& clock) {
  auto senders = SenderTable::open();
  counters
      .gauge("attribute_notes_senders", "1 while the kernel notes whose socket a flow begins at")
      .set(senders ? 1 : 0);
  if (!senders) {
    log::info("attribute.senders_not_noted", {{"reason", senders.error().text()}});
  }
  auto attributor = LinuxAttributor::open(counters, clock, senders ? std::move(*senders) : nullptr);
  if (!attributor) {
    log::warn("attribute.unavailable", {{"why", attributor.error().text()}});
    return nullptr;
  }
  return std::move(*attributor);
}

}  // namespace gnomon
