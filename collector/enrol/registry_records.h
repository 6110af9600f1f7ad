// The registry's records in the MetaStore: where they lie, and from text to structs.

#pragma once

#include <string_view>

#include "collector/enrol/record_text.h"
#include "collector/enrol/registry.h"

namespace gnomon {

constexpr const char* kTokenRecords = "enrol/token/";
constexpr const char* kAgentRecords = "enrol/agent/";
constexpr const char* kMachineRecords = "enrol/machine/";

// kMaxRegistryRaces is how often a record is read again because somebody else changed it in
// between.
constexpr int kMaxRegistryRaces = 16;

// token_info and agent_info read a record; its key ends with the id.
TokenInfo token_info(std::string_view key, std::string_view value);
AgentInfo agent_info(std::string_view key, std::string_view value);

// bar_of is what keeps an agent out, by its record: the gravest of what is noted there.
Bar bar_of(const AgentInfo& info);

void note_certificate(RecordText& record, const Certificate& certificate, WallTime now);

}  // namespace gnomon
