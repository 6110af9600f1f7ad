#include "cli/contact_export.h"

#include "collector/store/store.h"
#include "core/file.h"
#include "core/wire/batch.h"

#include <nlohmann/json.hpp>

namespace gnomon::cli {
namespace {

using Json = nlohmann::ordered_json;

std::int64_t ns(WallTime when) {
  return when.time_since_epoch().count();
}

Json json_of(const Contact& contact) {
  Json evidence = Json::array();
  for (const Evidence& line : contact.evidence) {
    evidence.push_back({{"t_ns", ns(line.when)},
                        {"what", line.what},
                        {"host", line.host},
                        {"role", to_string(line.role)}});
  }
  return {{"tool", contact.tool},
          {"tenant", contact.tenant},
          {"role", to_string(contact.role)},
          {"audience", to_string(contact.audience)},
          {"stage", to_string(contact.stage)},
          {"confidence", contact.confidence},
          {"window_begin_ns", ns(contact.window_begin)},
          {"window_end_ns", ns(contact.window_end)},
          {"first_ns", ns(contact.first)},
          {"last_ns", ns(contact.last)},
          {"dns", contact.dns},
          {"tls", contact.tls},
          {"quic", contact.quic},
          {"http", contact.http},
          {"user", contact.user},
          {"program", contact.program},
          {"pack_version", contact.pack_version},
          {"evidence", std::move(evidence)}};
}

}  // namespace

std::string export_contacts(const std::string& directory, Output& output) {
  SystemClock clock;
  Counters counters;
  StoreOptions options;
  options.directory = directory + "/store";
  options.read_only = true;
  const auto store = Store::open(options, clock, counters);
  if (!store) {
    return store.error().text;
  }
  std::string trouble;
  const auto visited = (*store)->visit_batches([&](const Upload& upload, bool refused) {
    if (refused) {
      return true;
    }
    const auto batch = wire::decode_batch(bytes_of(upload.encoded));
    if (!batch) {
      trouble = "a stored batch cannot be read";
      return true;
    }
    for (const Contact& contact : batch->contacts) {
      Json row{
          {"agent", upload.id.agent}, {"epoch", upload.id.epoch}, {"sequence", upload.id.sequence}};
      row.update(json_of(contact));
      output.text() += row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
      output.settle();
    }
    return output.ok();
  });
  if (!visited) {
    return visited.error().text();
  }
  return output.ok() ? trouble : "cannot write to standard output";
}

}  // namespace gnomon::cli
