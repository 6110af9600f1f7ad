// RecordText: small stored facts as lines of name=value.

#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace gnomon {

// RecordText is how tokens and agents lie in the MetaStore: readable with any tool, and a field
// that a later version adds is carried along by an earlier one.
class RecordText {
 public:
  RecordText() = default;

  // parse never fails: what is no line of name=value is dropped.
  static RecordText parse(std::string_view text);
  std::string text() const;

  void set(const std::string& name, std::string value) { fields_[name] = std::move(value); }
  void set_number(const std::string& name, std::uint64_t value) {
    fields_[name] = std::to_string(value);
  }
  void set_time(const std::string& name, WallTime time);

  std::string get(const std::string& name) const;       // empty when absent
  std::uint64_t number(const std::string& name) const;  // 0 when absent or no number
  WallTime time(const std::string& name) const;

 private:
  std::map<std::string, std::string> fields_;
};

// format_time gives "2026-11-22T08:00:00Z", for people.
std::string format_time(WallTime time);

}  // namespace gnomon
