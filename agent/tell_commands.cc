// gnomon-agent status and explain: what this machine collects and has reported.

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "agent/agent_error.h"
#include "agent/agent_rules.h"
#include "agent/ceiling.h"
#include "agent/commands.h"
#include "agent/data_folder.h"
#include "agent/enrolment.h"
#include "agent/explain.h"
#include "agent/memory_file.h"
#include "agent/policy_file.h"
#include "agent/rooms.h"
#include "agent/sealed_file.h"
#include "agent/spool_history.h"
#include "agent/spool_key.h"
#include "agent/status_file.h"
#include "agent/text_time.h"
#include "agent/unknowns_desk.h"
#include "agent/unknowns_text.h"

namespace gnomon {
namespace {

constexpr std::size_t kMaxStatusBytes = std::size_t{64} * 1024;
constexpr std::size_t kListedUnknowns = 20;  // after what was reported; --unknowns lists all

void print(const std::string& text) {
  static_cast<void>(std::fputs(text.c_str(), stdout));
}

std::optional<Status> read_status(FileSystem& files, const DataFolder& folder) {
  const auto text = read_whole_file(files, folder.status(), kMaxStatusBytes);
  return text ? decode_status(*text) : std::nullopt;
}

bool is_running(const Status& status) {
  return status.pid > 0 && ::kill(static_cast<pid_t>(status.pid), 0) == 0;
}

void require_folder(FileSystem& files, const DataFolder& folder) {
  const auto there = files.exists(folder.path());
  if (!there || !*there) {
    throw AgentError{"there is no data folder " + folder.path() +
                     "; name the agent's with --data, or start one with enrol"};
  }
}

// How much of what the machine contacted could be told apart by user and program.
std::string attributed_text(const Status& status) {
  constexpr std::array<const char*, 4> kSources{"DNS", "TLS", "QUIC", "HTTP"};
  std::string text;
  for (std::size_t i = 0; i < kSources.size(); ++i) {
    const Attributed& known = status.attributed.at(i);
    if (known.all() > 0) {
      const auto share = [&](std::uint64_t part) {
        return std::to_string((100 * part + known.all() / 2) / known.all()) + " %";
      };
      text += std::string{"  "} + kSources.at(i) + ": of " + std::to_string(known.all()) +
              " names, program known for " + share(known.program) + ", only the user for " +
              share(known.user) + ", unknown " + share(known.unknown) + "\n";
    }
  }
  return text.empty() ? text : "Whose contacts they were, since the start\n" + text;
}

// read_ledger reads what the agent last wrote down; empty when there is nothing yet, and when the
// memory is damaged: the agent itself says so when it starts.
UnknownLedger read_ledger(FileSystem& files, const Config& config, const RecordCipher* cipher) {
  const DataFolder folder{config.data};
  UnknownLedger ledger{ledger_options(config)};
  const auto text =
      read_sealed_file(files, folder.memory(), kMaxMemoryBytes, cipher, kMemoryPurpose);
  const auto memory = text ? decode_memory(bytes_of(*text)) : std::nullopt;
  if (memory) {
    static_cast<void>(ledger.decode(memory->ledger));
  }
  return ledger;
}

// offset_text says how far our clock is from the collector's: by the second, for the way there is
// part of what is measured.
std::string offset_text(std::chrono::nanoseconds offset) {
  const auto seconds = std::chrono::round<std::chrono::seconds>(offset).count();
  if (seconds == 0) {
    return "agrees with the collector's to the second";
  }
  return std::to_string(std::abs(seconds)) + " s " + (seconds > 0 ? "ahead of" : "behind") +
         " the collector's";
}

std::string running_text(const Status& status) {
  std::string text;
  if (is_running(status)) {
    text += "Running (" + status.mode + ", process " + std::to_string(status.pid) + ") since " +
            time_text(status.started) + " UTC\n";
  } else {
    text += "Not running; last seen " + time_text(status.updated) + " UTC\n";
  }
  text += "Rule pack: version " + std::to_string(status.pack_version) + "\n";
  if (status.overlay_version != 0) {
    text += "The company's own rules: version " + std::to_string(status.overlay_version) +
            ", with " + std::to_string(status.own_tools) + " tools beside the catalogue's\n";
  }
  text += "Stored: " + std::to_string(status.last_sequence) + " batches, " +
          std::to_string(status.last_sequence - status.acknowledged) +
          " of them wait to be sent, " + std::to_string(status.spool_bytes / 1024) +
          " KiB on disk\n";
  text += "Collector: ";
  text += status.connected ? "connected" : "not connected";
  text += status.last_contact ? ", last heard of " + time_text(*status.last_contact) + " UTC\n"
                              : ", never heard of since the start\n";
  if (status.clock_offset) {
    text += "Clock: " + offset_text(*status.clock_offset) + "\n";
  }
  if (!status.strain.empty()) {
    text += "Budget: " + status.strain + "\n";
  }
  if (!status.confinement.empty()) {
    text += "Confined: " + status.confinement + "\n";
  }
  if (!status.trouble.empty()) {
    text += "Trouble: " + status.trouble + "\n";
  }
  return text + attributed_text(status);
}

std::string cell(std::string text, std::size_t width) {
  text.resize(std::max(text.size() + 1, width), ' ');
  return text;
}

// collection_text is what leaves this machine: asked by the policy, allowed here, in force.
std::string collection_text(FileSystem& files, const Config& config) {
  const StoredPolicy stored = read_policy(files, DataFolder{config.data});
  const Policy* policy = stored.policy ? &*stored.policy : nullptr;
  const Ceiling ceiling{config};
  std::string text = "\nWhat leaves this machine\n";
  for (const std::string& line : Ceiling::words(ceiling.under(policy))) {
    text += "  " + line + "\n";
  }
  text +=
      "\nWhy: what the collector's policy asks, and what this machine allows (set here; the "
      "collector cannot raise it)\n  Policy: ";
  text += policy == nullptr ? "none"
                            : "version " + std::to_string(policy->version) + " of " +
                                  time_text(policy->created) + " UTC";
  text += stored.trouble.empty() ? "\n" : "; " + stored.trouble + "\n";
  text += "  " + cell("", 18) + cell("asked", 9) + cell("allowed", 9) + cell("in force", 9) + "\n";
  for (const Setting& setting : ceiling.explain(policy)) {
    text += "  " + cell(setting.key, 18) + cell(setting.asked, 9) + cell(setting.allowed, 9) +
            cell(setting.in_force, 9) + setting.why + "\n";
  }
  return text;
}

}  // namespace

int status_command(const Config& config) {
  PosixFileSystem files;
  const DataFolder folder{config.data};
  require_folder(files, folder);
  std::string text = "gnomon-agent " GNOMON_VERSION ", data in " + folder.path() + "\n";
  text += enrolment_text(config);
  const auto status = read_status(files, folder);
  text += status ? running_text(*status) : "Never started with this folder\n";
  const auto keys = open_spool_keys(files, folder, KeyPlaces::of_process(), MissingKey::leave);
  text +=
      "Spool: " + (keys ? keys->words : "its key cannot be read: " + keys.error().text()) + "\n";
  text += collection_text(files, config);
  const RecordCipher* cipher = keys ? keys->cipher.get() : nullptr;
  text += unknowns_status(config, read_ledger(files, config, cipher),
                          read_unknown_reports(files, config, cipher));
  text += "\nConfiguration\n";
  for (const auto& [key, value] : config.keys()) {
    text += "  ";
    text += key;
    text += " = ";
    text += value;
    text += "\n";
  }
  print(text);
  return kExitDone;
}

int explain_command(const Config& config, bool json) {
  PosixFileSystem files;
  const DataFolder folder{config.data};
  require_folder(files, folder);
  const auto keys = open_spool_keys(files, folder, KeyPlaces::of_process(), MissingKey::leave);
  const RecordCipher* cipher = keys ? keys->cipher.get() : nullptr;
  const auto history = read_spool(files, folder.spool(), cipher);
  if (!history) {
    throw AgentError{"the spool cannot be read: " + history.error().text()};
  }
  const auto status = read_status(files, folder);
  const std::uint64_t acknowledged = status ? status->acknowledged : 0;
  if (json) {
    print(explain_json(*history, acknowledged));
    return kExitDone;
  }
  // The catalogue only lends names here; without it tools are told by their ids.
  std::shared_ptr<const RulePack> pack;
  try {
    pack = AgentRules::open(config).pack();
  } catch (const AgentError&) {
    pack = nullptr;
  }
  const auto name_of = [&](std::string_view id) {
    const auto index = pack ? pack->find_tool(id) : std::nullopt;
    return std::string{index ? pack->tool(*index).name : id};
  };
  print(explain(*history, acknowledged, name_of));
  print("\n" + unknowns_list(read_ledger(files, config, cipher),
                             read_unknown_reports(files, config, cipher), kListedUnknowns));
  return kExitDone;
}

int explain_unknowns_command(const Config& config, bool json) {
  PosixFileSystem files;
  const DataFolder folder{config.data};
  require_folder(files, folder);
  const auto keys = open_spool_keys(files, folder, KeyPlaces::of_process(), MissingKey::leave);
  const RecordCipher* cipher = keys ? keys->cipher.get() : nullptr;
  const UnknownLedger ledger = read_ledger(files, config, cipher);
  const UnknownReports reports = read_unknown_reports(files, config, cipher);
  print(json ? unknowns_json(ledger, reports)
             : unknowns_list(ledger, reports, ledger.domains().size()));
  return kExitDone;
}

}  // namespace gnomon
