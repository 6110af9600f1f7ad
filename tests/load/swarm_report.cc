#include "tests/load/swarm_report.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>

namespace gnomon {

double quantile(std::vector<double>& values, double q) {
  if (values.empty()) {
    return 0;
  }
  std::sort(values.begin(), values.end());
  const auto last = static_cast<double>(values.size() - 1);
  return values[static_cast<std::size_t>(q * last)];
}

Usage usage_of(int pid) {
  Usage usage;
  std::ifstream stat{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text{std::istreambuf_iterator<char>{stat}, {}};
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) {
    return usage;
  }
  // Fields after the name: state is the first; utime, stime and rss the 12th, 13th and 22nd.
  std::istringstream rest{text.substr(name_end + 1)};
  std::vector<std::string> fields;
  for (std::string field; rest >> field;) {
    fields.push_back(field);
  }
  if (fields.size() > 21) {
    const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    usage.cpu_s = (std::stod(fields[11]) + std::stod(fields[12])) / ticks;
    usage.rss_mb = std::stod(fields[21]) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
  }
  std::ifstream status{"/proc/" + std::to_string(pid) + "/status"};
  for (std::string name; status >> name;) {
    if (name == "VmHWM:") {
      double kib = 0;
      status >> kib;
      usage.peak_rss_mb = kib * 1024 / 1e6;
      break;
    }
  }
  return usage;
}

Usage usage_of_self() {
  return usage_of(::getpid());
}

Line& Line::add(const std::string& key, double value) {
  std::array<char, 32> number{};
  static_cast<void>(std::snprintf(number.data(), number.size(), "%.6g", value));
  text_ += ",\"" + key + "\":" + number.data();
  return *this;
}

Line& Line::add(const std::string& key, const std::string& value) {
  std::string quoted;
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
    }
    quoted += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  text_ += ",\"" + key + "\":\"" + quoted + "\"";
  return *this;
}

void Line::print() const {
  static_cast<void>(std::printf("%s}\n", text_.c_str()));
  static_cast<void>(std::fflush(stdout));
}

}  // namespace gnomon
