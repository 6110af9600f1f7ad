// Enrolment: what the commands ask about it. Apart from rooms.h, because keys of certificates and
// keys of rule packs share a name.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/config.h"
#include "core/file.h"
#include "core/net/host_port.h"

namespace gnomon {

// require_enrolment throws AgentError when this machine was not enrolled.
void require_enrolment(const Config& config);

// kAgentPort is where collectors listen for enrolled agents unless told otherwise.
constexpr std::uint16_t kAgentPort = 7443;

// collector_addresses says where to report: what the configuration says, else what enrolment was
// told. proxy_address is the way there. Both throw ConfigError.
std::vector<HostPort> collector_addresses(const Config& config);
std::optional<HostPort> proxy_address(const Config& config);

// machine_hash names this machine to its collector without naming it to anybody else; empty when
// the system has no machine id.
std::string machine_hash(FileSystem& files);

// enrolment_text is the line about it for `status`.
std::string enrolment_text(const Config& config);

// enrol_command makes this machine known to a collector.
int enrol_command(const Config& config, const std::string& token);

}  // namespace gnomon
