#include "collector/review_commands.h"

#include <charconv>
#include <string>
#include <utility>

namespace gnomon {
namespace {

constexpr int kMaxDays = 3650;

wire::AdminReply problem(std::string text) {
  wire::AdminReply reply;
  reply.error = std::move(text);
  return reply;
}

std::string argument(const wire::AdminRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.arguments) {
    if (key == name) {
      return value;
    }
  }
  return {};
}

wire::AdminRow row_of(const StandingRecord& record, const Query& query) {
  return {{"tool", record.change.tool},
          {"name", query.name_of(record.change.tool).name},
          {"standing", std::string{to_string(record.change.standing)}},
          {"since", utc_text(record.when)},
          {"reason", record.change.reason}};
}

wire::AdminReply reply_of(const Result<StandingRecord, ReviewError>& saved, const Query& query) {
  if (!saved) {
    return problem(saved.error().text);
  }
  wire::AdminReply reply;
  reply.rows.push_back(row_of(*saved, query));
  return reply;
}

wire::AdminReply decide(Review& review, const Query& query, const wire::AdminRequest& request) {
  StandingChange change;
  change.tool = argument(request, "tool");
  const auto standing = parse_standing(argument(request, "standing"));
  if (!standing) {
    return problem(
        "a standing is one of new, in-review, trial, sanctioned, tolerated, unsanctioned, "
        "retiring, retired");
  }
  change.standing = *standing;
  change.by = argument(request, "by");
  change.reason = argument(request, "reason");
  change.alternative = argument(request, "alternative");
  if (const std::string until = argument(request, "until"); !until.empty()) {
    int days = 0;
    const auto [end, error] = std::from_chars(until.data(), until.data() + until.size(), days);
    if (error != std::errc{} || end != until.data() + until.size() || days < 1 || days > kMaxDays) {
      return problem("until is a number of days from now, 1 to 3650");
    }
    change.review_on = query.today().plus(days);
  }
  return reply_of(review.decide(change), query);
}

}  // namespace

AdminHandler review_commands(Review& review, const Query& query) {
  return [&review, &query](const wire::AdminRequest& request) {
    if (request.command == "review decide") {
      return decide(review, query, request);
    }
    if (request.command == "review back") {
      return reply_of(review.go_back(argument(request, "tool"), argument(request, "by"),
                                     argument(request, "reason")),
                      query);
    }
    if (request.command == "review list") {
      const auto standings = review.standings();
      if (!standings) {
        return problem(standings.error().text());
      }
      wire::AdminReply reply;
      for (const StandingRecord& record : *standings) {
        reply.rows.push_back(row_of(record, query));
      }
      return reply;
    }
    return problem("there is no command '" + request.command + "'");
  };
}

}  // namespace gnomon
