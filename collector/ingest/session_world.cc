#include "collector/ingest/session_world.h"

#include <boost/asio/io_context.hpp>

namespace gnomon {
namespace {

// What an agent has refused may be offered to it again: three times at once, then every hour. A
// policy of the machine may have changed, and a pack costs its megabyte each time.
constexpr double kRefusedAgainPerSecond = 1.0 / 3600;
constexpr double kRefusedAtOnce = 3;

Counter& batches(Counters& counters, std::string_view outcome) {
  return counters.counter("ingest_batches_total", "Batches by what became of them.",
                          {{"outcome", outcome}});
}

}  // namespace

IngestTally::IngestTally(Counters& counters)
    : batches{&gnomon::batches(counters, "stored"), &gnomon::batches(counters, "repeated"),
              &gnomon::batches(counters, "out-of-order"), &gnomon::batches(counters, "refused"),
              &gnomon::batches(counters, "unavailable")},
      bytes(counters.counter("ingest_bytes_total", "Compressed bytes of uploads.")),
      throttled(
          counters.counter("ingest_throttled_total", "Waits for an agent that sends too fast.")),
      heartbeats(counters.counter("ingest_heartbeats_total", "Heartbeats of agents.")),
      push_bytes(counters.counter("ingest_push_bytes_total",
                                  "Bytes of rule packs and policies written to agents.")),
      pushes_resumed(counters.counter("ingest_pushes_resumed_total",
                                      "Pushes that went on where they were cut off.")) {}

SessionWorld::SessionWorld(const IngestServer::Parts& parts, const IngestOptions& set_options)
    : pool(parts.pool),
      authority(parts.authority),
      registry(parts.registry),
      sink(parts.sink),
      clock(parts.clock),
      counters(parts.counters),
      options(set_options),
      tally(parts.counters),
      upload_rate(options.uploads_per_second, options.upload_burst),
      byte_rate(options.bytes_per_second, options.byte_burst),
      message_rate(options.messages_per_second, options.message_burst),
      renewal_rate(options.renewals_per_hour / 3600, options.renewal_burst),
      refused_pushes(kRefusedAgainPerSecond, kRefusedAtOnce),
      pacer(parts.io.get_executor(), options.push_pace, parts.counters) {}

void SessionWorld::refuse(std::string_view reason) const {
  counters
      .counter("ingest_refused_total", "Connections of agents refused or cut.",
               {{"reason", reason}})
      .add();
}

std::uint32_t version_of(const LiveAgent& agent, wire::PushKind kind) {
  return kind == wire::PushKind::policy    ? agent.policy_version
         : kind == wire::PushKind::overlay ? agent.overlay_version
                                           : agent.pack_version;
}

std::uint32_t& version_of(LiveAgent& agent, wire::PushKind kind) {
  return kind == wire::PushKind::policy    ? agent.policy_version
         : kind == wire::PushKind::overlay ? agent.overlay_version
                                           : agent.pack_version;
}

}  // namespace gnomon
