#include "collector/web/html.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

namespace gnomon::web {
namespace {

struct StageLook {
  Stage stage;
  const char* css;
  const char* words;
};

// In the order of growing involvement, as a bar is read.
constexpr std::array<StageLook, 5> kStages{{{Stage::visited, "visited", "looked"},
                                            {Stage::guest, "guest", "as guest"},
                                            {Stage::signup_likely, "signup", "likely sign-up"},
                                            {Stage::active, "active", "came back"},
                                            {Stage::integrated, "integrated", "by programs"}}};

std::string nav_entry(const char* href, const char* words, bool current) {
  return std::string{"<li><a href=\""} + href + "\"" + (current ? " aria-current=\"page\"" : "") +
         ">" + words + "</a></li>";
}

}  // namespace

std::string whole_page(const Frame& frame, Nav nav, std::string_view title, std::string_view main) {
  std::string page =
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>" +
      escape_html(title) +
      " - Gnomon</title>\n<link rel=\"icon\" type=\"image/svg+xml\" href=\"/assets/gnomon.svg\">\n"
      "<link rel=\"stylesheet\" href=\"/assets/gnomon.css\">\n</head>\n<body>\n"
      "<a class=\"skip\" href=\"#main\">Skip to the content</a>\n"
      "<header class=\"top\"><div class=\"wide\"><a class=\"brand\" href=\"/\">"
      "<img src=\"/assets/gnomon.svg\" width=\"28\" height=\"28\" alt=\"\">Gnomon</a>\n"
      "<nav aria-label=\"Main\"><ul>";
  page += nav_entry("/", "Tools", nav == Nav::tools);
  page += nav_entry("/digest", "Digest", nav == Nav::digest);
  page += nav_entry("/unknowns", "Outside the catalogue", nav == Nav::unknowns);
  page += nav_entry("/agents", "Agents", nav == Nav::agents);
  page += "</ul></nav></div></header>\n";
  if (frame.sample) {
    page +=
        "<p class=\"sample\" role=\"note\"><span class=\"wide\"><strong>Sample data.</strong> "
        "Played from recordings through the real programs; nobody's workstation.</span></p>\n";
  }
  page += "<main id=\"main\" tabindex=\"-1\">\n";
  page += main;
  page +=
      "</main>\n<footer class=\"bottom\"><div class=\"wide\"><p>Numbers are devices, not people. ";
  if (frame.min_group > 1) {
    page += "Groups of fewer than " + std::to_string(frame.min_group) + " are not counted out. ";
  }
  page +=
      "Stages are inferred from host names alone; likely means likely.</p>"
      "<p><a href=\"/api/openapi.json\">API</a> <a "
      "href=\"/metrics\">Metrics</a></p></div></footer>\n"
      "</body>\n</html>\n";
  return page;
}

std::string query_value(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    if (plain) {
      out.push_back(c);
      continue;
    }
    std::array<char, 4> hex{};
    static_cast<void>(
        std::snprintf(hex.data(), hex.size(), "%%%02X", static_cast<unsigned char>(c)));
    out += hex.data();
  }
  return out;
}

std::string badge(const char* kind, std::string_view words) {
  return std::string{"<span class=\"badge "} + kind + "\">" + escape_html(words) + "</span>";
}

std::uint32_t shown_size(std::uint32_t count, std::uint32_t min_group) {
  return count == 0 || min_group == 0 ? count : std::max(count, min_group - 1);
}

std::string stage_bar(const ToolWeek& tool, const Frame& frame) {
  constexpr std::uint32_t kWidth = 240;
  std::uint32_t sum = 0;
  std::string words;
  for (const StageLook& look : kStages) {
    const std::uint32_t count = tool.in_stage(look.stage);
    sum += shown_size(count, frame.min_group);
    if (count > 0) {
      words += (words.empty() ? "" : ", ") + devices_in_words(count, frame.min_group).words + " " +
               look.words;
    }
  }
  if (sum == 0) {
    return {};
  }
  std::string svg =
      "<svg class=\"stages\" viewBox=\"0 0 240 10\" preserveAspectRatio=\"none\" "
      "role=\"img\" aria-label=\"" +
      escape_html(words) + "\">";
  std::uint32_t done = 0;
  for (const StageLook& look : kStages) {
    const std::uint32_t size = shown_size(tool.in_stage(look.stage), frame.min_group);
    if (size == 0) {
      continue;
    }
    const std::uint32_t from = done * kWidth / sum;
    done += size;
    const std::uint32_t to = done * kWidth / sum;
    svg += "<rect class=\"" + std::string{look.css} + "\" x=\"" + std::to_string(from) +
           "\" y=\"0\" width=\"" + std::to_string(to - from) + "\" height=\"10\"/>";
  }
  return svg + "</svg><p class=\"stagewords\">" + escape_html(words) + "</p>";
}

std::string history_line(const ToolWeek& tool, const Frame& frame) {
  std::uint32_t top = 1;
  for (const std::uint32_t count : tool.history) {
    top = std::max(top, shown_size(count, frame.min_group));
  }
  std::string svg =
      "<svg class=\"history\" viewBox=\"0 0 62 20\" role=\"img\" aria-label=\"Devices in the last "
      "eight weeks, this week last\">";
  for (std::size_t i = 0; i < tool.history.size(); ++i) {
    const std::uint32_t size = shown_size(tool.history[i], frame.min_group);
    const std::uint32_t height = size == 0 ? 1 : std::max(3U, size * 20 / top);
    svg += "<rect class=\"" + std::string{i + 1 == tool.history.size() ? "now" : "then"} +
           "\" x=\"" + std::to_string(i * 8) + "\" y=\"" + std::to_string(20 - height) +
           "\" width=\"6\" height=\"" + std::to_string(height) + "\"/>";
  }
  return svg + "</svg>";
}

std::string ago(WallTime when, WallTime now) {
  constexpr std::int64_t kHour = 60;
  constexpr std::int64_t kDay = 24 * kHour;
  const std::int64_t passed = std::chrono::duration_cast<std::chrono::minutes>(now - when).count();
  const auto count = [](std::int64_t number, const char* one) {
    return std::to_string(number) + " " + one + (number == 1 ? "" : "s") + " ago";
  };
  std::string words = "just now";
  if (passed >= 2 * kDay) {
    words = count(passed / kDay, "day");
  } else if (passed >= 2 * kHour) {
    words = count(passed / kHour, "hour");
  } else if (passed >= 1) {
    words = count(passed, "minute");
  }
  return "<time datetime=\"" + utc_text(when) + "\">" + words + "</time>";
}

}  // namespace gnomon::web
