#include "agent/config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>

#include "core/domain_name.h"
#include "core/file.h"

namespace gnomon {
namespace {

constexpr std::size_t kMaxConfigBytes = std::size_t{64} * 1024;

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const auto begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) {
    return {};
  }
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

unsigned number(std::string_view key, std::string_view value, unsigned least, unsigned most) {
  unsigned parsed = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
  if (error != std::errc{} || end != value.data() + value.size() || parsed < least ||
      parsed > most) {
    throw ConfigError{std::string{key} + ": expected a number from " + std::to_string(least) +
                      " to " + std::to_string(most) + ", not '" + std::string{value} + "'"};
  }
  return parsed;
}

bool yes_or_no(std::string_view key, std::string_view value) {
  if (value == "yes" || value == "no") {
    return value == "yes";
  }
  throw ConfigError{std::string{key} + ": expected yes or no, not '" + std::string{value} + "'"};
}

std::vector<std::string> list(std::string_view value) {
  std::vector<std::string> items;
  while (!value.empty()) {
    const auto comma = std::min(value.find(','), value.size());
    if (const auto item = trim(value.substr(0, comma)); !item.empty()) {
      items.emplace_back(item);
    }
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return items;
}

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) {
    text += (text.empty() ? "" : ",") + item;
  }
  return text;
}

// domains reads a list of names, as people write them: "corp.example, .intra.example".
std::vector<std::string> domains(std::string_view key, std::string_view value) {
  std::vector<std::string> names;
  for (const std::string& item : list(value)) {
    std::string_view text{item};
    text.remove_prefix(text.front() == '.' ? 1 : 0);
    auto name = DomainName::from_text(text);
    if (!name) {
      throw ConfigError{std::string{key} + ": expected domains like corp.example, not '" + item +
                        "'"};
    }
    names.push_back(name->text());
  }
  return names;
}

struct Knob {
  std::string_view key;
  std::function<void(Config&, std::string_view key, std::string_view value)> set;
  std::function<std::string(const Config&)> get;
};

Knob text_knob(std::string_view key, std::string Config::*member) {
  return {key,
          [member](Config& config, std::string_view, std::string_view value) {
            config.*member = std::string{value};
          },
          [member](const Config& config) { return config.*member; }};
}

Knob list_knob(std::string_view key, std::vector<std::string> Config::*member) {
  return {key,
          [member](Config& config, std::string_view, std::string_view value) {
            config.*member = value == "all" ? std::vector<std::string>{} : list(value);
          },
          [member](const Config& config) { return joined(config.*member); }};
}

Knob flag_knob(std::string_view key, bool Config::*member) {
  return {key,
          [member](Config& config, std::string_view name, std::string_view value) {
            config.*member = yes_or_no(name, value);
          },
          [member](const Config& config) { return std::string{config.*member ? "yes" : "no"}; }};
}

Knob number_knob(std::string_view key, unsigned Config::*member, unsigned least, unsigned most) {
  return {key,
          [member, least, most](Config& config, std::string_view name, std::string_view value) {
            config.*member = number(name, value, least, most);
          },
          [member](const Config& config) { return std::to_string(config.*member); }};
}

const std::vector<Knob>& knobs() {
  static const std::vector<Knob> all{
      text_knob("data", &Config::data),
      list_knob("collector", &Config::collector),
      text_knob("proxy", &Config::proxy),
      text_knob("rules", &Config::rules),
      text_knob("trust", &Config::trust),
      list_knob("interfaces", &Config::interfaces),
      {"learning-days",
       [](Config& config, std::string_view key, std::string_view value) {
         config.learning_days = number(key, value, 0, 365);
       },
       [](const Config& config) {
         return config.learning_days ? std::to_string(*config.learning_days) : std::string{};
       }},
      flag_knob("collect-users", &Config::collect_users),
      flag_knob("collect-programs", &Config::collect_programs),
      flag_knob("collect-evidence", &Config::collect_evidence),
      number_knob("unknown-days", &Config::unknown_days, 0, 3650),
      flag_knob("report-unknowns", &Config::report_unknowns),
      {"internal-domains",
       [](Config& config, std::string_view key, std::string_view value) {
         config.internal_domains = domains(key, value);
       },
       [](const Config& config) { return joined(config.internal_domains); }},
      number_knob("window-minutes", &Config::window_minutes, 1, 24 * 60),
      number_knob("spool-mb", &Config::spool_mb, 1, 1024 * 1024),
      number_knob("spool-days", &Config::spool_days, 1, 366),
      number_knob("memory-mb", &Config::memory_mb, 16, 4096),
      number_knob("cpu-percent", &Config::cpu_percent, 1, 100),
      {"log-level",
       [](Config& config, std::string_view key, std::string_view value) {
         constexpr std::array<std::string_view, 4> kLevels{"debug", "info", "warn", "error"};
         if (std::find(kLevels.begin(), kLevels.end(), value) == kLevels.end()) {
           throw ConfigError{std::string{key} + ": expected debug, info, warn or error, not '" +
                             std::string{value} + "'"};
         }
         config.log_level = std::string{value};
       },
       [](const Config& config) { return config.log_level; }},
  };
  return all;
}

}  // namespace

void Config::set(std::string_view key, std::string_view value) {
  for (const Knob& knob : knobs()) {
    if (knob.key == key) {
      knob.set(*this, key, value);
      return;
    }
  }
  throw ConfigError{"unknown key '" + std::string{key} + "'"};
}

std::vector<std::pair<std::string, std::string>> Config::keys() const {
  std::vector<std::pair<std::string, std::string>> all;
  for (const Knob& knob : knobs()) {
    all.emplace_back(knob.key, knob.get(*this));
  }
  return all;
}

void read_config(const std::string& path, bool required, Config& config) {
  PosixFileSystem files;
  if (!required) {
    const auto there = files.exists(path);
    if (!there || !*there) {
      return;
    }
  }
  const auto text = read_whole_file(files, path, kMaxConfigBytes);
  if (!text) {
    throw ConfigError{"cannot read the configuration: " + text.error().text()};
  }
  std::string_view rest = *text;
  for (unsigned line_number = 1; !rest.empty(); ++line_number) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty() || line.front() == '#') {
      continue;
    }
    const auto place = path + ":" + std::to_string(line_number) + ": ";
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) {
      throw ConfigError{place + "expected 'key = value'"};
    }
    try {
      config.set(trim(line.substr(0, equals)), trim(line.substr(equals + 1)));
    } catch (const ConfigError& error) {
      throw ConfigError{place + error.what()};
    }
  }
}

}  // namespace gnomon
