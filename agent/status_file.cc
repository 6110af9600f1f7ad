#include "agent/status_file.h"

#include <array>
#include <charconv>
#include <map>
#include <string_view>

namespace gnomon {
namespace {

std::string number(std::int64_t value) {
  return std::to_string(value);
}
std::int64_t ns(WallTime when) {
  return when.time_since_epoch().count();
}

class Fields {
 public:
  explicit Fields(std::string_view text) {
    while (!text.empty()) {
      const auto end = std::min(text.find('\n'), text.size());
      const std::string_view line = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (const auto equals = line.find('='); equals != std::string_view::npos) {
        values_[std::string{line.substr(0, equals)}] = line.substr(equals + 1);
      }
    }
  }

  bool has(const std::string& key) const { return values_.contains(key); }
  std::string text(const std::string& key) const {
    const auto found = values_.find(key);
    return found == values_.end() ? std::string{} : found->second;
  }
  std::int64_t number(const std::string& key) const {
    const std::string value = text(key);
    std::int64_t parsed = 0;
    std::from_chars(value.data(), value.data() + value.size(), parsed);
    return parsed;
  }
  WallTime time(const std::string& key) const {
    return WallTime{std::chrono::nanoseconds{number(key)}};
  }

 private:
  std::map<std::string, std::string> values_;
};

constexpr std::array<const char*, 4> kSources{"dns", "tls", "quic", "http"};

}  // namespace

std::array<Attributed, 4> attributed_of(const Counters& counters) {
  std::array<Attributed, 4> all;
  for (std::size_t i = 0; i < kSources.size(); ++i) {
    const auto count = [&](const char* outcome) {
      return static_cast<std::uint64_t>(
          counters.value(std::string{"attribute_sightings_total{source=\""} + kSources.at(i) +
                         "\",outcome=\"" + outcome + "\"}"));
    };
    all.at(i) = {count("program"), count("user"), count("unknown")};
  }
  return all;
}

std::string encode_status(const Status& status) {
  std::string text = "pid=" + std::to_string(status.pid) + "\nmode=" + status.mode +
                     "\nstarted=" + number(ns(status.started)) +
                     "\nupdated=" + number(ns(status.updated)) +
                     "\npack_version=" + std::to_string(status.pack_version) +
                     "\noverlay_version=" + std::to_string(status.overlay_version) +
                     "\nown_tools=" + std::to_string(status.own_tools) +
                     "\npolicy_version=" + std::to_string(status.policy_version) +
                     "\nlast_sequence=" + std::to_string(status.last_sequence) +
                     "\nacknowledged=" + std::to_string(status.acknowledged) +
                     "\nspool_bytes=" + std::to_string(status.spool_bytes) +
                     "\nconnected=" + (status.connected ? "1" : "0");
  if (status.last_contact) {
    text += "\nlast_contact=" + number(ns(*status.last_contact));
  }
  if (status.clock_offset) {
    text += "\nclock_offset=" + number(status.clock_offset->count());
  }
  text += "\nconfinement=" + status.confinement + "\nstrain=" + status.strain;
  std::string trouble = status.trouble;
  for (char& c : trouble) {
    c = c == '\n' ? ' ' : c;
  }
  text += "\ntrouble=" + trouble + "\n";
  for (std::size_t i = 0; i < kSources.size(); ++i) {
    const Attributed& known = status.attributed.at(i);
    const auto add = [&](const char* outcome, std::uint64_t count) {
      text.append(kSources.at(i)).append(outcome).append(std::to_string(count)).append("\n");
    };
    add("_program=", known.program);
    add("_user=", known.user);
    add("_unknown=", known.unknown);
  }
  return text;
}

std::optional<Status> decode_status(const std::string& text) {
  const Fields fields{text};
  if (!fields.has("pid") || !fields.has("updated")) {
    return std::nullopt;
  }
  Status status;
  status.pid = static_cast<std::uint32_t>(fields.number("pid"));
  status.mode = fields.text("mode");
  status.started = fields.time("started");
  status.updated = fields.time("updated");
  status.pack_version = static_cast<std::uint32_t>(fields.number("pack_version"));
  status.overlay_version = static_cast<std::uint32_t>(fields.number("overlay_version"));
  status.own_tools = static_cast<std::uint32_t>(fields.number("own_tools"));
  status.policy_version = static_cast<std::uint32_t>(fields.number("policy_version"));
  status.last_sequence = static_cast<std::uint64_t>(fields.number("last_sequence"));
  status.acknowledged = static_cast<std::uint64_t>(fields.number("acknowledged"));
  status.spool_bytes = static_cast<std::uint64_t>(fields.number("spool_bytes"));
  status.connected = fields.number("connected") == 1;
  if (fields.has("last_contact")) {
    status.last_contact = fields.time("last_contact");
  }
  if (fields.has("clock_offset")) {
    status.clock_offset = std::chrono::nanoseconds{fields.number("clock_offset")};
  }
  status.confinement = fields.text("confinement");
  status.strain = fields.text("strain");
  status.trouble = fields.text("trouble");
  for (std::size_t i = 0; i < kSources.size(); ++i) {
    const std::string source = kSources.at(i);
    const auto count = [&](const char* what) {
      return static_cast<std::uint64_t>(fields.number(source + what));
    };
    status.attributed.at(i) = {count("_program"), count("_user"), count("_unknown")};
  }
  return status;
}

}  // namespace gnomon
