#include "collector/http/api_json.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace gnomon::http {
namespace {

using Json = nlohmann::ordered_json;

std::string text(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json count(std::uint32_t devices, std::uint32_t min_group) {
  const Devices shown = devices_in_words(devices, min_group);
  return {{"count", shown.exact ? Json(*shown.exact) : Json(nullptr)}, {"words", shown.words}};
}

Json time_or_null(const std::optional<WallTime>& time) {
  return time ? Json(utc_text(*time)) : Json(nullptr);
}

std::string_view whose_word(TenantSeen::Whose whose) {
  switch (whose) {
    case TenantSeen::Whose::own:
      return "own";
    case TenantSeen::Whose::foreign:
      return "foreign";
    case TenantSeen::Whose::unknown:
      break;
  }
  return "unknown";
}

Json tool_object(const ToolWeek& week, std::uint32_t min_group) {
  Json stages = Json::object();
  for (std::size_t i = 1; i < week.devices_by_stage.size(); ++i) {
    if (week.devices_by_stage[i] > 0) {
      stages[std::string{to_string(static_cast<Stage>(i))}] =
          count(week.devices_by_stage[i], min_group);
    }
  }
  Json json{{"id", week.tool.id},
            {"name", week.tool.name},
            {"category", week.tool.category},
            {"vendor", week.tool.vendor},
            {"homepage", week.tool.homepage},
            {"jobs", week.tool.jobs},
            {"devices", count(week.devices, min_group)},
            {"devices_week_before", count(week.devices_before, min_group)},
            {"devices_ever", count(week.devices_ever, min_group)},
            {"stages", std::move(stages)},
            {"new", week.is_new},
            {"first_seen", utc_text(week.first_seen)},
            {"last_seen", utc_text(week.last_seen)},
            {"first_used", time_or_null(week.first_used)}};
  if (week.signup) {
    Json evidence = Json::array();
    for (const Evidence& line : week.signup->evidence) {
      evidence.push_back(
          {{"what", line.what}, {"host", line.host}, {"role", std::string{to_string(line.role)}}});
    }
    json["likely_signup"] = {{"devices", count(week.signup->devices, min_group)},
                             {"day", to_string(week.signup->day)},
                             {"confidence", week.signup->confidence / 1000.0},
                             {"evidence", std::move(evidence)}};
  }
  if (!week.api_programs.empty()) {
    json["api_programs"] = week.api_programs;
  }
  if (!week.tenants.empty()) {
    Json tenants = Json::array();
    std::uint32_t hidden = 0;
    for (const TenantSeen& tenant : week.tenants) {
      if (!may_be_named(tenant, min_group)) {
        ++hidden;
        continue;
      }
      tenants.push_back({{"name", tenant.name},
                         {"whose", whose_word(tenant.whose)},
                         {"new", tenant.is_new},
                         {"devices", count(tenant.devices, min_group)}});
    }
    json["tenants"] = std::move(tenants);
    json["tenants_of_few_devices"] = hidden;
  }
  return json;
}

Json record_object(const StandingRecord& record) {
  Json json{{"number", record.number},
            {"when", utc_text(record.when)},
            {"standing", std::string{to_string(record.change.standing)}},
            {"before", std::string{to_string(record.before)}},
            {"by", record.change.by},
            {"reason", record.change.reason},
            {"alternative", record.change.alternative}};
  if (record.change.review_on) {
    json["review_on"] = to_string(*record.change.review_on);
  }
  return json;
}

Json lost_list(const std::vector<GapSum>& lost) {
  Json list = Json::array();
  for (const GapSum& sum : lost) {
    list.push_back({{"reason", sum.reason}, {"times", sum.times}, {"contacts", sum.contacts}});
  }
  return list;
}

// piece cuts what `page` asks for out of items that are sorted by id.
template <typename Item, typename Id, typename Make>
void piece(Json& json, const char* name, const std::vector<const Item*>& items, const Page& page,
           const Id& id, const Make& make) {
  Json list = Json::array();
  auto at = std::find_if(items.begin(), items.end(),
                         [&](const Item* item) { return id(*item) > page.cursor; });
  for (; at != items.end() && list.size() < page.limit; ++at) {
    list.push_back(make(**at));
  }
  if (at != items.end() && !list.empty()) {
    json["next"] = id(**std::prev(at));
  }
  json[name] = std::move(list);
}

}  // namespace

std::string tools_json(const WeekAnswer& answer, const web::Standings& standings,
                       std::uint32_t min_group, bool all, const Page& page) {
  std::vector<const ToolWeek*> tools;
  for (const ToolWeek& week : answer.tools) {
    if (all || week.devices > 0) {
      tools.push_back(&week);
    }
  }
  const auto id = [](const ToolWeek& week) -> const std::string& { return week.tool.id; };
  std::sort(tools.begin(), tools.end(),
            [&](const ToolWeek* a, const ToolWeek* b) { return id(*a) < id(*b); });
  Json json{{"week", to_string(answer.week)},
            {"complete", answer.complete},
            {"sample", answer.sample},
            {"asked", utc_text(answer.asked)},
            {"fresh", time_or_null(answer.fresh)},
            {"total", tools.size()}};
  piece(json, "tools", tools, page, id, [&](const ToolWeek& week) {
    Json object = tool_object(week, min_group);
    object["standing"] = web::standing_word(week.tool, standings);
    return object;
  });
  return text(json);
}

std::string tool_json(const ToolWeek& tool, Week week, const std::vector<StandingRecord>& record,
                      std::uint32_t min_group) {
  Json json{{"week", to_string(week)}};
  json.update(tool_object(tool, min_group));
  Json history = Json::array();
  Week at = week;
  for (std::size_t i = kHistoryWeeks; i > 0; --i) {
    history.push_back(
        {{"week", to_string(at)}, {"devices", count(tool.history[i - 1], min_group)}});
    at = previous(at);
  }
  json["history"] = std::move(history);
  json["standing"] =
      record.empty()
          ? std::string{to_string(tool.tool.sanctioned ? Standing::sanctioned : Standing::fresh)}
          : std::string{to_string(record.back().change.standing)};
  Json records = Json::array();
  for (const StandingRecord& one : record) {
    records.push_back(record_object(one));
  }
  json["record"] = std::move(records);
  return text(json);
}

std::string agents_json(const AgentsAnswer& answer, const Page& page,
                        const std::function<std::string(const std::string& agent)>& kept_out) {
  std::vector<const AgentRow*> rows;
  for (const AgentRow& row : answer.agents) {
    rows.push_back(&row);
  }
  const auto id = [](const AgentRow& row) -> const std::string& { return row.id; };
  std::sort(rows.begin(), rows.end(),
            [&](const AgentRow* a, const AgentRow* b) { return id(*a) < id(*b); });
  Json json{{"sample", answer.sample},
            {"asked", utc_text(answer.asked)},
            {"fresh", time_or_null(answer.fresh)},
            {"total", rows.size()}};
  piece(json, "agents", rows, page, id, [&](const AgentRow& row) {
    return Json{{"id", row.id},
                {"kept_out", kept_out ? Json(kept_out(row.id)) : Json(nullptr)},
                {"first_report", utc_text(row.first_received)},
                {"last_report", utc_text(row.last_received)},
                {"silent", row.silent},
                {"version", row.version},
                {"pack_version", row.pack_version},
                {"batches", row.batches},
                {"refused_batches", row.refused},
                {"contacts", row.contacts},
                {"gaps", row.gaps},
                {"contacts_lost", row.contacts_lost},
                {"lost_lately", lost_list(row.lost)},
                {"clock_ahead_seconds", row.clock_ahead_s},
                {"rss_bytes", row.rss_bytes},
                {"spool_bytes", row.spool_bytes},
                {"readable_share", row.readable ? Json(*row.readable) : Json(nullptr)},
                {"notes", row.notes}};
  });
  return text(json);
}

std::string unknowns_json(const UnknownsAnswer& answer, const web::UnknownsFacts& facts,
                          std::uint32_t min_group, const Page& page) {
  std::vector<const UnknownDomainRow*> rows;
  for (const UnknownDomainRow& row : answer.rows) {
    rows.push_back(&row);
  }
  const auto id = [](const UnknownDomainRow& row) -> const std::string& { return row.domain; };
  std::sort(rows.begin(), rows.end(),
            [&](const UnknownDomainRow* a, const UnknownDomainRow* b) { return id(*a) < id(*b); });
  Json json{{"week", to_string(answer.week)},
            {"asked", utc_text(answer.asked)},
            {"enabled", facts.enabled},
            {"min_devices", facts.min_devices},
            {"total", rows.size()}};
  piece(json, "unknowns", rows, page, id, [&](const UnknownDomainRow& row) {
    return Json{{"domain", row.domain},
                {"devices", row.devices},
                {"devices_new_this_week", count(row.devices_new, min_group)},
                {"first_seen", to_string(row.first)},
                {"last_seen", to_string(row.last)},
                {"revealed", utc_text(row.revealed)},
                {"next_step", next_step(row.domain)}};
  });
  return text(json);
}

std::string digests_json(const std::vector<Week>& issued) {
  Json weeks = Json::array();
  for (const Week week : issued) {
    weeks.push_back({{"week", to_string(week)}, {"href", "/api/v1/digests/" + to_string(week)}});
  }
  return text(Json{{"digests", std::move(weeks)}});
}

std::string problem_json(unsigned status, std::string_view title, std::string_view detail,
                         std::string_view instance) {
  return text(Json{{"type", "about:blank"},
                   {"title", title},
                   {"status", status},
                   {"detail", detail},
                   {"instance", instance}});
}

std::string health_json(std::string_view status, std::string_view reason) {
  Json json{{"status", status}};
  if (!reason.empty()) {
    json["reason"] = reason;
  }
  return text(json);
}

}  // namespace gnomon::http
