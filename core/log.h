// One line per event, key=value, to standard error. The service manager adds time and host.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>

namespace gnomon::log {

enum class Level : std::uint8_t { debug, info, warn, error };

// Field is one key=value of a line. Values are quoted when they hold spaces or quotes.
// Never put names, addresses or users seen on the wire into a field above debug.
struct Field {
  std::string_view key;
  std::string value;

  Field(std::string_view name, std::string_view text) : key(name), value(text) {}
  Field(std::string_view name, const char* text) : key(name), value(text) {}
  Field(std::string_view name, const std::string& text) : key(name), value(text) {}
  template <typename T>
  requires std::is_arithmetic_v<T> Field(std::string_view name, T number)
      : key(name), value(std::to_string(number)) {}
};

// set_level hides everything below `level`; info by default. Call before threads start.
void set_level(Level level);

// Events are named `<room>.<past tense>`: "spool.opened". Safe from every thread.
void debug(std::string_view event, std::initializer_list<Field> fields = {});
void info(std::string_view event, std::initializer_list<Field> fields = {});
void warn(std::string_view event, std::initializer_list<Field> fields = {});
void error(std::string_view event, std::initializer_list<Field> fields = {});

}  // namespace gnomon::log
