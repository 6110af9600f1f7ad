// CloneWatch: notices an identity that two programs use at once.

#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

namespace gnomon {

// CloneWatch knows the latest runs of each agent by what they say in their hello. One data folder
// has one running agent, so a run that comes back after a later one came shows that there are two
// folders with one identity.
//
// A single return proves nothing: the hello of a run that was killed may still be under way, in a
// slow network, while its successor is greeted already, and so may that of the attempt before it.
// A clone comes back again and again, because each of the two cuts the other's connection.
//
// One thread at a time. Forgotten when the collector ends; a clone shows itself again.
class CloneWatch {
 public:
  // kReturns is how often earlier runs must have come back.
  static constexpr unsigned kReturns = 3;

  // is_clone notes that a run says hello, and whether that makes the agent one of two. An empty run
  // is an older agent's, and says nothing.
  bool is_clone(const std::string& agent, const std::string& run);

  void forget(const std::string& agent) { agents_.erase(agent); }

 private:
  struct Seen {
    std::vector<std::string> runs;  // newest last
    unsigned returns = 0;
  };

  std::unordered_map<std::string, Seen> agents_;
};

}  // namespace gnomon
