// gnomon-agent enrol, and what other commands ask about enrolment.

#include "agent/enrolment.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "agent/agent_error.h"
#include "agent/data_folder.h"
#include "agent/text_time.h"
#include "agent/uplink/enrol.h"
#include "agent/uplink/identity.h"
#include "core/net/crypto.h"
#include "core/net/host_port.h"
#include "core/net/join_token.h"
#include "core/rights.h"

namespace gnomon {
namespace {

constexpr std::uint16_t kEnrolmentPort = 7444;
constexpr std::size_t kMaxAddressBytes = 4096;

HostPort address_of(const std::string& text, std::uint16_t default_port) {
  const auto address = parse_host_port(text, default_port);
  if (!address) {
    throw ConfigError{"expected an address like gnomon.example:7443, not '" + text + "'"};
  }
  return *address;
}

std::optional<Identity> identity_of(const Config& config) {
  PosixFileSystem files;
  const DataFolder folder{config.data};
  const std::string exposed =
      exposed_keys({folder.identity() + "/identity.pem", folder.user_key(), folder.spool_key()});
  if (!exposed.empty()) {
    throw AgentError{exposed};
  }
  auto identity = load_identity(files, folder.identity());
  if (!identity) {
    throw AgentError{"this agent's identity cannot be read: " + identity.error().text() +
                     "; enrol again"};
  }
  return std::move(*identity);
}

}  // namespace

void require_enrolment(const Config& config) {
  if (!identity_of(config)) {
    throw AgentError{
        "this agent is not enrolled with a collector; run gnomon-agent enrol --token "
        "... --collector ... with the same data folder first"};
  }
}

std::string machine_hash(FileSystem& files) {
  return describe_machine(files).machine_hash;
}

std::string enrolment_text(const Config& config) {
  const auto identity = identity_of(config);
  if (!identity) {
    return "Not enrolled with a collector\n";
  }
  return "Enrolled as " + identity->agent + ", certificate good until " +
         time_text(identity->chain.front().not_after()) + " UTC\n";
}

std::vector<HostPort> collector_addresses(const Config& config) {
  std::vector<std::string> texts = config.collector;
  if (texts.empty()) {
    PosixFileSystem files;
    const auto stored =
        read_whole_file(files, DataFolder{config.data}.collector(), kMaxAddressBytes);
    std::string text = stored ? *stored : std::string{};
    while (!text.empty()) {
      const auto end = std::min(text.find('\n'), text.size());
      if (end > 0) {
        texts.push_back(text.substr(0, end));
      }
      text.erase(0, end + 1);
    }
  }
  std::vector<HostPort> addresses;
  addresses.reserve(texts.size());
  for (const std::string& text : texts) {
    addresses.push_back(address_of(text, kAgentPort));
  }
  return addresses;
}

std::optional<HostPort> proxy_address(const Config& config) {
  return config.proxy.empty() ? std::nullopt
                              : std::optional<HostPort>{address_of(config.proxy, 3128)};
}

int enrol_command(const Config& config, const std::string& token) {
  PosixFileSystem files;
  const DataFolder folder{config.data};
  if (config.collector.empty()) {
    throw ConfigError{"enrol needs the collector's address: --collector gnomon.example"};
  }
  EnrolOptions options;
  for (const std::string& address : config.collector) {
    options.addresses.push_back(address_of(address, kEnrolmentPort));
  }
  options.proxy = proxy_address(config);
  options.token = token;
  options.identity_directory = folder.identity();
  options.machine = describe_machine(files);
  const auto lock = folder.lock(files);
  const auto enrolled = enrol(files, options);
  if (!enrolled) {
    throw AgentError{enrolled.error().text};
  }
  std::string addresses;
  for (const HostPort& address : options.addresses) {
    addresses += to_string(HostPort{address.host, enrolled->agent_port}) + "\n";
  }
  if (const auto stored = replace_file(files, folder.collector(), addresses); !stored) {
    throw AgentError{"the collector's address cannot be stored: " + stored.error().text()};
  }
  if (const auto join = parse_join_token(token); join && !join->unknowns_key.empty()) {
    const std::string key = to_hex(join->unknowns_key) + "\n";
    if (const auto stored = replace_file(files, folder.unknowns_key(), key); !stored) {
      throw AgentError{"the key for tokens of unknown domains cannot be stored: " +
                       stored.error().text()};
    }
  }
  static_cast<void>(std::printf("Enrolled as %s; reports go to %s",
                                enrolled->identity.agent.c_str(), addresses.c_str()));
  return kExitDone;
}

}  // namespace gnomon
