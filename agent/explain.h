// Explain: everything this machine reported, in words, for the person at it.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "agent/spool_history.h"

namespace gnomon {

// ToolNames gives the name of a tool by its id; the id itself when nobody knows.
using ToolNames = std::function<std::string(std::string_view id)>;

// explain tells what the batches say, tool by tool, the most involved first. `acknowledged` is the
// last sequence that the collector has; what comes after it still waits on this machine.
std::string explain(const SpoolHistory& history, std::uint64_t acknowledged,
                    const ToolNames& name_of);

// explain_json gives every contact as one JSON object a line, oldest batch first: the same facts,
// for programs.
std::string explain_json(const SpoolHistory& history, std::uint64_t acknowledged);

}  // namespace gnomon
