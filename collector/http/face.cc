#include "collector/http/face.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <utility>

#include "collector/http/api_json.h"
#include "collector/http/target.h"

namespace gnomon {
namespace {

constexpr std::chrono::seconds kCacheFor{3};
constexpr std::size_t kMaxCached = 8;
constexpr std::size_t kMaxFilterText = 80;

constexpr const char* kHtml = "text/html; charset=utf-8";
constexpr const char* kJson = "application/json";

// fnv_tag names a body: FNV-1a is enough, since a wrong guess costs the guesser only a stale page.
std::string fnv_tag(std::string_view body) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : body) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  }
  std::array<char, 24> text{};
  static_cast<void>(std::snprintf(text.data(), text.size(), "\"%016llx\"",
                                  static_cast<unsigned long long>(hash)));
  return text.data();
}

// names_this_machine accepts what a browser on this machine sends: localhost or an address.
bool names_this_machine(std::string_view host) {
  if (!host.empty() && host.front() == '[') {
    return host.find(']') != std::string_view::npos;
  }
  host = host.substr(0, host.rfind(':'));
  return host == "localhost" ||
         (!host.empty() && host.find_first_not_of("0123456789.") == std::string_view::npos);
}

HttpResponse page(std::string body) {
  return {200, kHtml, std::move(body), {}};
}

HttpResponse json(std::string body) {
  return {200, kJson, std::move(body), {}};
}

HttpResponse asset(const char* type, std::string_view body) {
  return {200, type, std::string{body}, {{"Cache-Control", "max-age=3600"}}};
}

std::optional<http::Page> page_of(const std::string& cursor, const std::string& limit) {
  http::Page page;
  page.cursor = cursor;
  if (!limit.empty()) {
    const auto [end, error] =
        std::from_chars(limit.data(), limit.data() + limit.size(), page.limit);
    if (error != std::errc{} || end != limit.data() + limit.size() || page.limit == 0 ||
        page.limit > http::kMaxLimit) {
      return std::nullopt;
    }
  }
  return page;
}

}  // namespace

Face::Face(FaceParts parts) : parts_(std::move(parts)) {}

HttpResponse Face::answer(const HttpRequest& request) const {
  const auto target = Target::parse(request.target);
  HttpResponse response;
  if (!target) {
    response = {400,
                "application/problem+json",
                http::problem_json(400, "Bad request", "the address cannot be read", ""),
                {}};
  } else if (!names_this_machine(request.host)) {
    response = problem(*target, 421, "Not here",
                       "this collector answers only under localhost or its address");
  } else if (request.method != "GET" && request.method != "HEAD") {
    response = problem(*target, 405, "Read only", "there is nothing to change here yet");
    response.headers.emplace_back("Allow", "GET, HEAD");
  } else {
    response = route(*target);
  }
  if (response.status == 200) {
    const std::string tag = fnv_tag(response.body);
    response.headers.emplace_back("ETag", tag);
    if (!request.if_none_match.empty() && request.if_none_match.find(tag) != std::string::npos) {
      response.status = 304;
      response.body.clear();
    }
  }
  const bool cached =
      std::any_of(response.headers.begin(), response.headers.end(),
                  [](const auto& header) { return header.first == "Cache-Control"; });
  if (!cached) {
    response.headers.emplace_back("Cache-Control", "no-cache");
  }
  response.headers.emplace_back("Content-Security-Policy",
                                "default-src 'none'; style-src 'self'; img-src 'self'; "
                                "form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("Referrer-Policy", "no-referrer");
  response.headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
  response.headers.emplace_back("X-Frame-Options", "DENY");
  return response;
}

HttpResponse Face::route(const Target& target) const {
  struct Exact {
    std::string_view path;
    Handler handler;
  };
  static constexpr Exact kExact[] = {{"/", &Face::tools_page},
                                     {"/agents", &Face::agents_page},
                                     {"/digest", &Face::newest_digest},
                                     {"/digest/", &Face::newest_digest},
                                     {"/unknowns", &Face::unknowns_page},
                                     {"/healthz", &Face::health},
                                     {"/readyz", &Face::readiness},
                                     {"/metrics", &Face::metrics},
                                     {"/api/openapi.json", &Face::openapi},
                                     {"/api/v1/tools", &Face::api_tools},
                                     {"/api/v1/agents", &Face::api_agents},
                                     {"/api/v1/unknowns", &Face::api_unknowns},
                                     {"/api/v1/digests", &Face::api_digests}};
  static constexpr Exact kBelow[] = {{"/tools/", &Face::tool_page},
                                     {"/digest/", &Face::digest_page},
                                     {"/api/v1/tools/", &Face::api_tool},
                                     {"/api/v1/digests/", &Face::api_digest}};
  const std::string& path = target.path();
  if (path == "/assets/gnomon.css") {
    return asset("text/css; charset=utf-8", web::style());
  }
  if (path == "/assets/gnomon.svg" || path == "/favicon.ico") {
    return asset("image/svg+xml", web::mark());
  }
  for (const Exact& entry : kExact) {
    if (path == entry.path) {
      return (this->*entry.handler)(target);
    }
  }
  for (const Exact& entry : kBelow) {
    const std::size_t length = entry.path.size();
    if (path.compare(0, length, entry.path) == 0 && path.size() > length &&
        path.find('/', length) == std::string::npos) {
      Target below = target;
      below.set_tail(path.substr(length));
      return (this->*entry.handler)(below);
    }
  }
  return problem(target, 404, "Not found", "there is nothing at this address");
}

HttpResponse Face::health(const Target& /*target*/) const {
  const Ready ready = parts_.ready();
  return json(http::health_json(ready.ready ? "ok" : "degraded", ready.reason));
}

HttpResponse Face::readiness(const Target& /*target*/) const {
  const Ready ready = parts_.ready();
  HttpResponse response =
      json(http::health_json(ready.ready ? "ready" : "not ready", ready.reason));
  response.status = ready.ready ? 200 : 503;
  return response;
}

HttpResponse Face::metrics(const Target& /*target*/) const {
  return {200, "text/plain; version=0.0.4; charset=utf-8", parts_.counters.render(), {}};
}

HttpResponse Face::openapi(const Target& /*target*/) const {
  return json(std::string{http::openapi_json()});
}

HttpResponse Face::api_tools(const Target& target) const {
  const auto piece = page_of(target.parameter("cursor"), target.parameter("limit"));
  if (!piece) {
    return problem(target, 400, "Bad request", "limit is a number from 1 to 1000");
  }
  const auto board = board_of_request(target);
  if (!board) {
    return board.error();
  }
  return json(http::tools_json(*board->answer, board->standings, parts_.min_group,
                               target.parameter("all") == "1", *piece));
}

HttpResponse Face::api_tool(const Target& target) const {
  const auto view = tool_of_request(target);
  return view ? json(http::tool_json(view->tool, view->week, view->record, parts_.min_group))
              : view.error();
}

HttpResponse Face::api_agents(const Target& target) const {
  const auto piece = page_of(target.parameter("cursor"), target.parameter("limit"));
  if (!piece) {
    return problem(target, 400, "Bad request", "limit is a number from 1 to 1000");
  }
  const auto answer = parts_.query.agents();
  return answer ? json(http::agents_json(*answer, *piece, parts_.kept_out))
                : disk_problem(target, answer.error());
}

HttpResponse Face::api_unknowns(const Target& target) const {
  const auto piece = page_of(target.parameter("cursor"), target.parameter("limit"));
  if (!piece) {
    return problem(target, 400, "Bad request", "limit is a number from 1 to 1000");
  }
  const auto answer = unknowns_of_now();
  return answer
             ? json(http::unknowns_json(*answer, parts_.unknowns_facts, parts_.min_group, *piece))
             : disk_problem(target, answer.error());
}

HttpResponse Face::unknowns_page(const Target& target) const {
  const auto answer = unknowns_of_now();
  if (!answer) {
    return disk_problem(target, answer.error());
  }
  const StoreFacts facts = parts_.query.facts();
  return page(web::unknowns_page({facts.sample, parts_.min_group, facts.calendar}, *answer,
                                 parts_.unknowns_facts));
}

Result<UnknownsAnswer, IoError> Face::unknowns_of_now() const {
  const Week week = parts_.query.current_week();
  if (parts_.unknowns == nullptr) {
    return UnknownsAnswer{week, parts_.clock.wall(), {}};
  }
  return parts_.unknowns->week(week);
}

HttpResponse Face::api_digests(const Target& target) const {
  const auto issued = parts_.digests.issued();
  return issued ? json(http::digests_json(*issued)) : disk_problem(target, issued.error());
}

HttpResponse Face::api_digest(const Target& target) const {
  const auto week = parse_week(target.tail());
  if (!week) {
    return problem(target, 400, "Bad request", "a week is like 2026-W47");
  }
  const auto digest = parts_.digests.of(*week, true);
  return digest ? json(digest_json(*digest)) : disk_problem(target, digest.error());
}

HttpResponse Face::tools_page(const Target& target) const {
  const auto board = board_of_request(target);
  if (!board) {
    return board.error();
  }
  const web::ToolFilter filter{target.parameter("q").substr(0, kMaxFilterText),
                               target.parameter("category"), target.parameter("all") == "1"};
  return page(
      web::tools_page({board->answer->sample, parts_.min_group, parts_.query.facts().calendar},
                      *board->answer, board->standings, filter));
}

HttpResponse Face::tool_page(const Target& target) const {
  const auto view = tool_of_request(target);
  if (!view) {
    return view.error();
  }
  const StoreFacts facts = parts_.query.facts();
  return page(web::tool_page({facts.sample, parts_.min_group, facts.calendar}, view->tool,
                             view->week, view->record));
}

HttpResponse Face::agents_page(const Target& target) const {
  const auto answer = parts_.query.agents();
  if (!answer) {
    return disk_problem(target, answer.error());
  }
  return page(web::agents_page({answer->sample, parts_.min_group, Calendar::utc()}, *answer));
}

HttpResponse Face::digest_page(const Target& target) const {
  const auto week = parse_week(target.tail());
  if (!week) {
    return problem(target, 404, "No such week", "A week is like 2026-W47.");
  }
  const auto digest = parts_.digests.of(*week, true);
  const auto issued = parts_.digests.issued();
  if (!digest || !issued) {
    return disk_problem(target, digest ? issued.error() : digest.error());
  }
  return page(
      web::digest_page({digest->sample, parts_.min_group, Calendar::utc()}, *digest, *issued));
}

HttpResponse Face::newest_digest(const Target& target) const {
  const auto week = parts_.query.newest_week();
  if (!week) {
    return disk_problem(target, week.error());
  }
  return {302, "text/plain", "", {{"Location", "/digest/" + to_string(*week)}}};
}

HttpResponse Face::problem(const Target& target, unsigned status, std::string_view title,
                           std::string_view detail) const {
  if (target.is_api()) {
    return {status,
            "application/problem+json",
            http::problem_json(status, title, detail, target.path()),
            {}};
  }
  return {status,
          kHtml,
          web::message_page({parts_.query.facts().sample, parts_.min_group, Calendar::utc()}, title,
                            detail),
          {}};
}

HttpResponse Face::disk_problem(const Target& target, const IoError& error) const {
  return problem(target, 503, "The store cannot be read", error.text());
}

Result<Week, HttpResponse> Face::week_of_request(const Target& target) const {
  const std::string text = target.parameter("week");
  if (text.empty()) {
    const auto newest = parts_.query.newest_week();
    if (!newest) {
      return Failure{disk_problem(target, newest.error())};
    }
    return *newest;
  }
  const auto week = parse_week(text);
  if (!week) {
    return Failure{problem(target, 400, "No such week", "A week is like 2026-W47.")};
  }
  return *week;
}

Result<Face::Board, HttpResponse> Face::board_of_request(const Target& target) const {
  const auto week = week_of_request(target);
  if (!week) {
    return Failure{week.error()};
  }
  const auto answer = cached_week(*week);
  const auto standings = parts_.review.standings();
  if (!answer || !standings) {
    return Failure{disk_problem(target, answer ? standings.error() : answer.error())};
  }
  Board board{*answer, {}};
  for (const StandingRecord& record : *standings) {
    board.standings[record.change.tool] = record;
  }
  return board;
}

Result<Face::ToolView, HttpResponse> Face::tool_of_request(const Target& target) const {
  const auto week = week_of_request(target);
  if (!week) {
    return Failure{week.error()};
  }
  auto tool = parts_.query.tool(target.tail(), *week);
  auto record = parts_.review.record(target.tail());
  if (!tool || !record) {
    return Failure{disk_problem(target, tool ? record.error() : tool.error())};
  }
  if (!tool->has_value()) {
    return Failure{problem(target, 404, "Not seen", "No device has met a tool of this name.")};
  }
  return ToolView{*week, std::move(**tool), std::move(*record)};
}

Result<std::shared_ptr<const WeekAnswer>, IoError> Face::cached_week(Week week) const {
  const MonotonicTime now = parts_.clock.monotonic();
  {
    const std::lock_guard lock{mutex_};
    const auto found = cache_.find(week);
    if (found != cache_.end() && now - found->second.read < kCacheFor) {
      return found->second.answer;
    }
  }
  // Two readers may both read it now; that is cheaper than one waiting under a lock for the other.
  auto answer = parts_.query.week(week);
  if (!answer) {
    return Failure{answer.error()};
  }
  auto shared = std::make_shared<const WeekAnswer>(std::move(*answer));
  const std::lock_guard lock{mutex_};
  if (cache_.size() >= kMaxCached) {
    cache_.clear();
  }
  cache_[week] = Cached{now, shared};
  return shared;
}

}  // namespace gnomon
