// Face: from an HTTP request to its answer, without a socket.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collector/digest/digests.h"
#include "collector/query/query.h"
#include "collector/review/review.h"
#include "collector/web/pages.h"
#include "core/clock.h"
#include "core/counters.h"

namespace gnomon {

// HttpRequest is one request, owned and already bounded in size.
struct HttpRequest {
  std::string method;
  std::string target;  // "/api/v1/tools?week=2026-W47"
  std::string host;    // the Host header
  std::string if_none_match;
};

struct HttpResponse {
  unsigned status = 200;
  std::string content_type;
  std::string body;  // also for HEAD; the server leaves it out
  std::vector<std::pair<std::string, std::string>> headers;
};

// Ready says whether the collector can do its work; the reason is one sentence.
struct Ready {
  bool ready = false;
  std::string reason;
};

// FaceParts are the rooms behind the face. All must outlive it.
struct FaceParts {
  const Query& query;
  const Review& review;
  const Digests& digests;
  const Counters& counters;
  const Clock& clock;
  std::function<Ready()> ready;
  std::uint32_t min_group = kDefaultMinGroup;
  const UnknownList* unknowns = nullptr;  // absent: there are none
  web::UnknownsFacts unknowns_facts{};
  // Why an agent is kept out: "revoked", "quarantined", "cloned", or "none". Absent: not known.
  std::function<std::string(const std::string& agent)> kept_out = {};
};

// Face answers requests. It only reads. Until there are accounts it answers only those that name
// this machine in the Host header: a page somewhere else must not be able to read it through
// somebody's browser.
//
// Safe from every thread; answer() blocks on the disk.
class Face {
 public:
  explicit Face(FaceParts parts);

  HttpResponse answer(const HttpRequest& request) const;

 private:
  class Target;
  using Handler = HttpResponse (Face::*)(const Target&) const;

  HttpResponse route(const Target& target) const;
  HttpResponse health(const Target& target) const;
  HttpResponse readiness(const Target& target) const;
  HttpResponse metrics(const Target& target) const;
  HttpResponse api_tools(const Target& target) const;
  HttpResponse api_tool(const Target& target) const;
  HttpResponse api_agents(const Target& target) const;
  HttpResponse api_digests(const Target& target) const;
  HttpResponse api_digest(const Target& target) const;
  HttpResponse api_unknowns(const Target& target) const;
  HttpResponse openapi(const Target& target) const;
  HttpResponse tools_page(const Target& target) const;
  HttpResponse tool_page(const Target& target) const;
  HttpResponse agents_page(const Target& target) const;
  HttpResponse digest_page(const Target& target) const;
  HttpResponse unknowns_page(const Target& target) const;
  HttpResponse newest_digest(const Target& target) const;

  HttpResponse problem(const Target& target, unsigned status, std::string_view title,
                       std::string_view detail) const;
  HttpResponse disk_problem(const Target& target, const IoError& error) const;

  // Board is the week a list is made of; ToolView is one tool in it.
  struct Board {
    std::shared_ptr<const WeekAnswer> answer;
    web::Standings standings;
  };
  struct ToolView {
    Week week;
    ToolWeek tool;
    std::vector<StandingRecord> record;
  };

  // What a request asks for, or the answer that says why it cannot be had.
  // week_of_request reads ?week=; without one it is the newest that has anything to show.
  Result<Week, HttpResponse> week_of_request(const Target& target) const;
  Result<Board, HttpResponse> board_of_request(const Target& target) const;
  Result<ToolView, HttpResponse> tool_of_request(const Target& target) const;
  Result<UnknownsAnswer, IoError> unknowns_of_now() const;
  // cached_week reads a week at most once a few seconds: a page and its pictures, or ten readers
  // on a Monday morning, cost one scan.
  Result<std::shared_ptr<const WeekAnswer>, IoError> cached_week(Week week) const;

  FaceParts parts_;

  struct Cached {
    MonotonicTime read;
    std::shared_ptr<const WeekAnswer> answer;
  };
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  mutable std::map<Week, Cached> cache_;
};

}  // namespace gnomon
