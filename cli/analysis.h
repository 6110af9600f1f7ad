// Analysis: what `gnomon analyze` makes of the sightings of its files.

#pragma once

#include <cstdint>
#include <memory>

#include "agent/sight/sighting_sink.h"
#include "cli/output.h"
#include "core/catalog/rule_pack.h"

namespace gnomon::cli {

enum class Format : std::uint8_t { table, json, csv };

// Analysis takes the sightings of all files, in order, and writes what it makes of them: at once,
// or in finish(), which comes after the last file.
class Analysis : public SightingSink {
 public:
  virtual void finish() = 0;
};

// make_sightings_analysis writes every sighting as one line. `output` must outlive it.
std::unique_ptr<Analysis> make_sightings_analysis(Format format, Output& output);

// make_tools_analysis judges the sightings as on a fresh workstation with the learning period off
// and the captures' own clock, and writes, at the end, the tools with stage and evidence. `output`
// must outlive it.
std::unique_ptr<Analysis> make_tools_analysis(std::shared_ptr<const RulePack> pack, Format format,
                                              Output& output);

}  // namespace gnomon::cli
