#include "collector/enrol/registry_records.h"

#include <string>

namespace gnomon {

TokenInfo token_info(std::string_view key, std::string_view value) {
  const RecordText record = RecordText::parse(value);
  TokenInfo info;
  info.id = key.substr(std::string_view{kTokenRecords}.size());
  info.label = record.get("label");
  info.created = record.time("created");
  info.expires = record.time("expires");
  info.max_uses = static_cast<std::uint32_t>(record.number("max_uses"));
  info.uses = static_cast<std::uint32_t>(record.number("uses"));
  info.revoked = record.number("revoked") != 0;
  return info;
}

AgentInfo agent_info(std::string_view key, std::string_view value) {
  const RecordText record = RecordText::parse(value);
  AgentInfo info;
  info.id = key.substr(std::string_view{kAgentRecords}.size());
  info.label = record.get("label");
  info.os = record.get("os");
  info.arch = record.get("arch");
  info.version = record.get("version");
  info.enrolled = record.time("enrolled");
  info.renewed = record.time("renewed");
  info.certificate_expires = record.time("certificate_expires");
  info.serial = record.get("serial");
  info.replaced_by = record.get("replaced_by");
  info.machine = record.get("machine");
  info.revoked = record.number("revoked") != 0;
  info.quarantined = record.number("quarantined") != 0;
  info.cloned = record.get("cloned");
  return info;
}

Bar bar_of(const AgentInfo& info) {
  return info.revoked           ? Bar::revoked
         : !info.cloned.empty() ? Bar::cloned
         : info.quarantined     ? Bar::quarantined
                                : Bar::none;
}

void note_certificate(RecordText& record, const Certificate& certificate, WallTime now) {
  record.set_time("renewed", now);
  record.set_time("certificate_expires", certificate.not_after());
  record.set("serial", certificate.serial());
}

}  // namespace gnomon
