#include "collector/enrol/record_text.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>

namespace gnomon {

RecordText RecordText::parse(std::string_view text) {
  RecordText record;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (const std::size_t equals = line.find('='); equals != std::string_view::npos) {
      record.fields_[std::string{line.substr(0, equals)}] = std::string{line.substr(equals + 1)};
    }
  }
  return record;
}

std::string RecordText::text() const {
  std::string all;
  for (const auto& [name, value] : fields_) {
    all += name + '=';
    for (const char c : value) {
      all.push_back(c == '\n' ? ' ' : c);
    }
    all.push_back('\n');
  }
  return all;
}

void RecordText::set_time(const std::string& name, WallTime time) {
  fields_[name] = std::to_string(time.time_since_epoch().count());
}

std::string RecordText::get(const std::string& name) const {
  const auto found = fields_.find(name);
  return found == fields_.end() ? std::string{} : found->second;
}

std::uint64_t RecordText::number(const std::string& name) const {
  const std::string value = get(name);
  std::uint64_t result = 0;
  static_cast<void>(std::from_chars(value.data(), value.data() + value.size(), result));
  return result;
}

WallTime RecordText::time(const std::string& name) const {
  const std::string value = get(name);
  std::int64_t result = 0;
  static_cast<void>(std::from_chars(value.data(), value.data() + value.size(), result));
  return WallTime{std::chrono::nanoseconds{result}};
}

std::string format_time(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::seconds>(time - day)};
  std::array<char, 40> text{};
  static_cast<void>(std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count())));
  return text.data();
}

}  // namespace gnomon
