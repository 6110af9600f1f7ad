// What a run of the load generator prints: one JSON object a line.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/load/swarm_agent.h"

namespace gnomon {

// quantile of unsorted values; 0 when there are none. Sorts them.
double quantile(std::vector<double>& values, double q);

// Usage is what a process has used, from /proc; zeros when it cannot be read.
struct Usage {
  double cpu_s = 0;  // user and system
  double rss_mb = 0;
  double peak_rss_mb = 0;  // since its start
};
Usage usage_of(int pid);
Usage usage_of_self();

// Line builds one JSON object in the order of the calls.
class Line {
 public:
  explicit Line(const std::string& bench) : text_("{\"bench\":\"" + bench + "\"") {}
  Line& add(const std::string& key, double value);
  Line& add(const std::string& key, const std::string& value);
  // print writes the object and a newline to standard output.
  void print() const;

 private:
  std::string text_;
};

}  // namespace gnomon
