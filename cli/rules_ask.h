// gnomon rules match, explain, new, stats, diff.

#pragma once

#include <string>
#include <vector>

#include "core/catalog/default_pack.h"

namespace gnomon::cli {

struct AskOptions {
  PackPlace place;
  std::string folder;
  std::string overlay;
  std::vector<std::string> hosts;
  bool all = false;
};
int match_hosts(const AskOptions& options);
int explain_hosts(const AskOptions& options);
int new_tool(const AskOptions& options);

struct StatsOptions {
  std::string folder;  // empty: the pack, or the folder "rules" when neither is named
  PackPlace place;
  bool json = false;
};
int count_rules(const StatsOptions& options);

struct DiffOptions {
  std::string before;
  std::string after;
  std::string trust;
};
int diff_packs(const DiffOptions& options);

}  // namespace gnomon::cli
