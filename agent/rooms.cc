#include "agent/rooms.h"

#include <utility>

#include "agent/agent_error.h"
#include "agent/capture/live_packet_source.h"
#include "agent/data_folder.h"

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
                                  Counters& counters) {
  SpoolOptions options;
  options.directory = DataFolder{config.data}.spool();
  options.max_bytes = std::uint64_t{config.spool_mb} << 20U;
  options.max_age = std::chrono::days{config.spool_days};
  auto spool = Spool::open(files, clock, counters, options);
  if (!spool) {
    throw AgentError{spool.error().text()};
  }
  return std::move(*spool);
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

}  // namespace gnomon
