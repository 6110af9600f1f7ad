#include "agent/text_time.h"

#include <array>
#include <ctime>

namespace gnomon {
namespace {

std::string formatted(WallTime when, const char* format) {
  const std::time_t time =
      std::chrono::floor<std::chrono::seconds>(when).time_since_epoch().count();
  std::tm parts{};
  if (::gmtime_r(&time, &parts) == nullptr) {
    return "?";
  }
  std::array<char, 64> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), format, &parts);
  return {text.data(), size};
}

}  // namespace

std::string time_text(WallTime when) {
  return formatted(when, "%Y-%m-%d %H:%M:%S");
}
std::string clock_text(WallTime when) {
  return formatted(when, "%H:%M:%S");
}
std::string day_text(WallTime when) {
  return formatted(when, "%a %Y-%m-%d");
}

}  // namespace gnomon
