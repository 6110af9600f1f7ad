// SessionWorld: what all conversations with agents share.

#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include <boost/asio/thread_pool.hpp>

#include "collector/enrol/registry.h"
#include "collector/ingest/ingest_server.h"
#include "collector/ingest/push_image.h"
#include "collector/ingest/push_pacer.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/net/rate_limit.h"

namespace gnomon {

// IngestTally is what is counted too often to be looked up by name each time.
struct IngestTally {
  explicit IngestTally(Counters& counters);

  Counter& batch(CommitOutcome outcome) { return *batches.at(static_cast<std::size_t>(outcome)); }

  std::array<Counter*, 5> batches;
  Counter& bytes;
  Counter& throttled;
  Counter& heartbeats;
  Counter& push_bytes;
  Counter& pushes_resumed;
};

// SessionWorld outlives all sessions, and everything it refers to outlives it. I/O thread.
struct SessionWorld {
  SessionWorld(const IngestServer::Parts& parts, const IngestOptions& set_options);

  asio::thread_pool& pool;
  const Authority& authority;
  Registry& registry;
  UploadSink& sink;
  const Clock& clock;
  Counters& counters;
  const IngestOptions& options;
  IngestTally tally;

  // By agent.
  RateLimit upload_rate;
  RateLimit byte_rate;
  RateLimit message_rate;
  RateLimit renewal_rate;
  RateLimit refused_pushes;  // by agent, kind and version

  PushPacer pacer;
  std::array<PushOffer, 4> offers;  // by wire::PushKind
  PushOffer& offer_of(wire::PushKind kind) { return offers.at(static_cast<std::size_t>(kind)); }
  const PushOffer& offer_of(wire::PushKind kind) const {
    return offers.at(static_cast<std::size_t>(kind));
  }

  // admit is asked once the agent is known: it makes the session the agent's only one.
  std::function<void(class AgentSession&)> admit;

  // changed is called whenever about() would say something new.
  std::function<void(const class AgentSession&)> changed;

  UnknownsDoor unknowns;

  // refuse counts a connection that is refused or cut.
  void refuse(std::string_view reason) const;
};

// version_of is the version in use of one kind.
std::uint32_t& version_of(LiveAgent& agent, wire::PushKind kind);
std::uint32_t version_of(const LiveAgent& agent, wire::PushKind kind);

}  // namespace gnomon
