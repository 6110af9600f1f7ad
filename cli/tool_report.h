// ToolReport: what `gnomon analyze` says about the tools in a capture.

#pragma once

#include <string>
#include <vector>

#include "agent/evidence/evidence.h"
#include "cli/analysis.h"
#include "core/catalog/rule_pack.h"

namespace gnomon::cli {

// ToolFinding is one tool with its stage, its reasons and how sure we are.
struct ToolFinding {
  std::string name;
  std::string category;
  Judgement judgement;
};

// find_tools names the judgements, leaves out those without a stage, and puts the strongest first.
std::vector<ToolFinding> find_tools(const RulePack& pack, std::vector<Judgement> judgements);

// append_tools writes the findings. The table is for people: tools that were only embedded in other
// people's pages are summed up in one line at its end.
void append_tools(const std::vector<ToolFinding>& findings, Format format, std::string& out);

}  // namespace gnomon::cli
