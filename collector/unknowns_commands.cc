#include "collector/unknowns_commands.h"

#include <string>
#include <utility>

#include "collector/unknowns/reveal_book.h"

namespace gnomon {
namespace {

wire::AdminRow row_of(const RevealRecord& record) {
  return {{"number", std::to_string(record.number)},
          {"when", utc_text(record.when)},
          {"outcome", std::string{to_string(record.outcome)}},
          {"domain", record.domain.empty() ? "-" : record.domain},
          {"devices", std::to_string(record.devices)},
          {"days", std::to_string(record.days)},
          {"told", std::to_string(record.told)},
          {"agreed", std::to_string(record.agreed)}};
}

}  // namespace

AdminHandler unknowns_commands(MetaStore& store, const Clock& clock, AdminHandler others) {
  return [&store, &clock, others = std::move(others)](const wire::AdminRequest& request) {
    if (request.command != "unknowns record") {
      return others(request);
    }
    wire::AdminReply reply;
    const auto record = RevealBook{store, clock}.record();
    if (!record) {
      reply.error = record.error().text();
      return reply;
    }
    for (const RevealRecord& one : *record) {
      reply.rows.push_back(row_of(one));
    }
    return reply;
  };
}

}  // namespace gnomon
