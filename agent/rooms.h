// What run, replay and watch have in common when they set up the rooms.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/capture/packet_source.h"
#include "agent/config.h"
#include "agent/evidence/evidence.h"
#include "agent/match/unknown_ledger.h"
#include "agent/spool/spool.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/file.h"

namespace gnomon {

// evidence_options takes the windows and the learning period from the configuration.
EvidenceOptions evidence_options(const Config& config, unsigned default_learning_days);

// ledger_options takes how long hosts outside the catalogue are remembered, and which are our own.
LedgerOptions ledger_options(const Config& config);

// open_spool opens the spool of a data folder. Throws AgentError.
std::unique_ptr<Spool> open_spool(const Config& config, FileSystem& files, const Clock& clock,
                                  Counters& counters);

// open_live opens the named interfaces, or all. Throws AgentError.
std::unique_ptr<PacketSource> open_live(const std::vector<std::string>& interfaces,
                                        Counters& counters);

}  // namespace gnomon
