// What run, replay and watch have in common when they set up the rooms.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/attribute/attributor.h"
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

// open_spool opens the spool of a data folder. Throws AgentError. `cipher` must outlive it.
std::unique_ptr<Spool> open_spool(const Config& config, FileSystem& files, const Clock& clock,
                                  Counters& counters, const RecordCipher* cipher);

// open_cipher finds or makes the key of the spool. Throws AgentError. Before threads start, and
// before the rest of the file system is out of reach.
std::unique_ptr<RecordCipher> open_cipher(const Config& config, FileSystem& files);

// confine_or_say confines the process (confinement.h). Where the system does not do it, the agent
// works on: it is logged, and the reason is yielded for io_cage. Empty: the process is confined.
std::string confine_or_say();

// io_cage yields what the I/O thread calls first: it takes from that thread all rights and whatever
// it does not need, files beyond the data folder and name resolution, ports beyond the collector's,
// and yields a sentence for `status` on what holds the agent. `calls_fault` is what
// confine_or_say() yielded. Throws ConfigError here, not there, when an address is wrong.
std::function<std::string()> io_cage(const Config& config, bool names_programs,
                                     std::string calls_fault);

// open_live opens the named interfaces, or all. Throws AgentError.
std::unique_ptr<PacketSource> open_live(const std::vector<std::string>& interfaces,
                                        Counters& counters);

// open_attributor opens what names users and programs, before the rights are given up. Absent where
// the system does not tell; which way it goes is logged. `counters` and `clock` must outlive it.
std::unique_ptr<Attributor> open_attributor(Counters& counters, const Clock& clock);

}  // namespace gnomon
