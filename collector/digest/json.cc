#include "collector/digest/digest.h"

#include <nlohmann/json.hpp>

namespace gnomon {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFormat = 1;

Json to_json(const DigestTool& tool) {
  Json json{{"id", tool.id},
            {"name", tool.name},
            {"category", tool.category},
            {"standing", tool.standing},
            {"devices", tool.devices.exact ? Json(*tool.devices.exact) : Json(nullptr)},
            {"devices_in_words", tool.devices.words},
            {"text", tool.words}};
  if (tool.confidence_percent) {
    json["confidence_percent"] = *tool.confidence_percent;
  }
  if (!tool.why.empty()) {
    json["why"] = tool.why;
  }
  return json;
}

DigestTool tool_from(const Json& json) {
  DigestTool tool;
  tool.id = json.value("id", "");
  tool.name = json.value("name", "");
  tool.category = json.value("category", "");
  tool.standing = json.value("standing", "");
  if (json.at("devices").is_number_unsigned()) {
    tool.devices.exact = json.at("devices").get<std::uint32_t>();
  }
  tool.devices.words = json.value("devices_in_words", "");
  tool.words = json.value("text", "");
  if (json.contains("confidence_percent")) {
    tool.confidence_percent = json.at("confidence_percent").get<int>();
  }
  if (json.contains("why")) {
    tool.why = json.at("why").get<std::vector<std::string>>();
  }
  return tool;
}

// The sections by their names in JSON; the order is that of reading.
template <typename Each>
void each_tool_section(Each each) {
  each("likely_signups", &Digest::signups);
  each("new_tools", &Digest::fresh_tools);
  each("growing", &Digest::growing);
  each("in_use", &Digest::in_use);
  each("integrations", &Digest::integrations);
  each("opened_once", &Digest::opened);
  each("trials", &Digest::trials);
  each("leaving", &Digest::leaving);
}

template <typename Each>
void each_line_section(Each each) {
  each("overlaps", &Digest::overlaps);
  each("others_tenants", &Digest::tenants);
  each("decided", &Digest::decided);
  each("answers", &Digest::answers);
  each("outside_catalogue", &Digest::outside);
  each("blind_spots", &Digest::blind_spots);
}

}  // namespace

std::string digest_json(const Digest& digest) {
  Json json{{"format", kFormat},
            {"week", to_string(digest.week)},
            {"span", digest.span},
            {"complete", digest.complete},
            {"first_week", digest.first_week},
            {"sample", digest.sample},
            {"asked", digest.asked},
            {"fresh", digest.fresh},
            {"min_group", digest.min_group},
            {"headline", digest.headline}};
  each_tool_section([&](const char* name, auto section) {
    Json& list = json[name] = Json::array();
    for (const DigestTool& tool : digest.*section) {
      list.push_back(to_json(tool));
    }
  });
  each_line_section([&](const char* name, auto section) {
    Json& list = json[name] = Json::array();
    for (const DigestLine& line : digest.*section) {
      list.push_back({{"key", line.key}, {"text", line.text}});
    }
  });
  json["embedded_only"] = digest.embedded_only;
  json["mentioned_only"] = digest.mentioned_only;
  // What agents say is checked UTF-8; should something else slip in, it is replaced, not thrown.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<Digest> parse_digest_json(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || json.value("format", 0) != kFormat) {
    return std::nullopt;
  }
  Digest digest;
  const auto week = parse_week(json.value("week", ""));
  if (!week) {
    return std::nullopt;
  }
  try {
    digest.week = *week;
    digest.span = json.value("span", "");
    digest.complete = json.value("complete", false);
    digest.first_week = json.value("first_week", false);
    digest.sample = json.value("sample", false);
    digest.asked = json.value("asked", "");
    digest.fresh = json.value("fresh", "");
    digest.min_group = json.value("min_group", kDefaultMinGroup);
    digest.headline = json.value("headline", "");
    each_tool_section([&](const char* name, auto section) {
      for (const Json& tool : json.at(name)) {
        (digest.*section).push_back(tool_from(tool));
      }
    });
    each_line_section([&](const char* name, auto section) {
      // Digests that were frozen by an earlier version lack sections that came later.
      if (!json.contains(name)) {
        return;
      }
      for (const Json& line : json.at(name)) {
        (digest.*section).push_back({line.value("key", ""), line.value("text", "")});
      }
    });
    digest.embedded_only = json.value("embedded_only", 0U);
    digest.mentioned_only = json.value("mentioned_only", 0U);
  } catch (const Json::exception&) {
    // The library's exceptions end here: a missing or wrong field is no digest.
    return std::nullopt;
  }
  return digest;
}

}  // namespace gnomon
