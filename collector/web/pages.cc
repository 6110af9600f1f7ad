#include "collector/web/pages.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <utility>

#include "collector/web/html.h"

namespace gnomon::web {
namespace {

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

bool wanted(const ToolWeek& week, const ToolFilter& filter) {
  if (!filter.category.empty() && week.tool.category != filter.category) {
    return false;
  }
  const std::string text = lower(filter.text);
  return text.empty() || lower(week.tool.name).find(text) != std::string::npos ||
         lower(week.tool.category).find(text) != std::string::npos ||
         lower(week.tool.vendor).find(text) != std::string::npos;
}

// Lane is one column of the board: where a tool stands by what people did with it.
struct Lane {
  const char* id;
  const char* heading;
  const char* words;
  bool (*holds)(const ToolWeek&);
};

constexpr Lane kLanes[] = {
    {"signups", "Likely sign-ups", "A new account is likely this week.",
     [](const ToolWeek& week) { return week.signup.has_value(); }},
    {"used", "In use", "People work in it, or came back to it.",
     [](const ToolWeek& week) {
       return week.in_stage(Stage::active) + week.in_stage(Stage::signup_likely) > 0;
     }},
    {"integrated", "Called by programs", "No person, but a program depends on it.",
     [](const ToolWeek& week) { return week.in_stage(Stage::integrated) > 0; }},
    {"opened", "Looked at", "Opened, or reached as a guest. Nothing more.",
     [](const ToolWeek& week) { return week.devices > 0; }},
    {"unused", "Not used", "Only on other people's pages, or looked up by a browser.",
     [](const ToolWeek& week) { return week.devices == 0; }},
};

std::string card(const Frame& frame, const ToolWeek& week, Week asked, const Standings& standings) {
  std::string out = "<li class=\"card\"><div class=\"cardhead\"><h3><a href=\"/tools/" +
                    query_value(week.tool.id) + "?week=" + to_string(asked) + "\">" +
                    escape_html(week.tool.name) + "</a></h3>";
  out += history_line(week, frame) + "</div>";
  out += "<p class=\"meta\">" +
         escape_html(week.tool.category.empty() ? "Not in the catalogue" : week.tool.category) +
         "</p>";
  if (week.devices > 0) {
    out += "<p class=\"count\">" +
           escape_html(devices_in_words(week.devices, frame.min_group).words) + "</p>";
  }
  out += stage_bar(week, frame);
  std::string badges;
  if (week.signup) {
    badges += badge("signup",
                    "Likely sign-up, " + std::to_string((week.signup->confidence + 5) / 10) + " %");
  }
  badges += week.is_new ? badge("new", "First time this week") : "";
  if (!week.is_new && week.devices >= week.devices_before + 2 &&
      week.devices * 2 >= week.devices_before * 3) {
    badges += badge("growing", "Growing");
  }
  const std::string standing = standing_word(week.tool, standings);
  badges += standing == "new" ? "" : badge("standing", standing);
  if (!badges.empty()) {
    out += "<p class=\"badges\">" + badges + "</p>";
  }
  return out + "</li>\n";
}

std::string week_switch(Week week, std::string_view path, std::string_view rest) {
  const auto link = [&](Week to, const char* rel, const std::string& words) {
    return "<a rel=\"" + std::string{rel} + "\" href=\"" + std::string{path} + to_string(to) +
           std::string{rest} + "\">" + words + "</a>";
  };
  return "<nav class=\"weeks\" aria-label=\"Weeks\">" +
         link(previous(week), "prev", "&larr; " + to_string(previous(week))) + "<strong>" +
         to_string(week) + "</strong>" +
         link(next(week), "next", to_string(next(week)) + " &rarr;") + "</nav>";
}

std::string filter_form(const WeekAnswer& answer, const ToolFilter& filter) {
  std::set<std::string> categories;
  for (const ToolWeek& week : answer.tools) {
    if (!week.tool.category.empty() && (week.devices > 0 || filter.all)) {
      categories.insert(week.tool.category);
    }
  }
  std::string out =
      "<form class=\"filter\" method=\"get\" action=\"/\" role=\"search\">"
      "<input type=\"hidden\" name=\"week\" value=\"" +
      to_string(answer.week) +
      "\"><label>Name <input type=\"search\" name=\"q\" maxlength=\"80\" value=\"" +
      escape_html(filter.text) +
      "\"></label><label>Category <select name=\"category\"><option value=\"\">all"
      "</option>";
  for (const std::string& category : categories) {
    out += "<option" + std::string{category == filter.category ? " selected" : ""} + ">" +
           escape_html(category) + "</option>";
  }
  out +=
      "</select></label><label class=\"check\"><input type=\"checkbox\" name=\"all\" value=\"1\"" +
      std::string{filter.all ? " checked" : ""} +
      "> also what nobody used</label><button>Show</button></form>\n";
  return out;
}

std::string figure(const std::string& number, const char* words) {
  return "<div><dt>" + std::string{words} + "</dt><dd>" + number + "</dd></div>";
}

std::string figures(const WeekAnswer& answer) {
  std::size_t used = 0;
  std::size_t fresh = 0;
  std::size_t signups = 0;
  for (const ToolWeek& week : answer.tools) {
    used += week.devices > 0 ? 1U : 0U;
    fresh += week.is_new ? 1U : 0U;
    signups += week.signup ? 1U : 0U;
  }
  std::string out = "<dl class=\"figures\">";
  out += figure(std::to_string(used), "tools used");
  out += figure(std::to_string(fresh), "for the first time");
  out += figure(std::to_string(signups), "with likely sign-ups");
  if (answer.coverage.readable) {
    out += figure(std::to_string(static_cast<int>(*answer.coverage.readable * 100)) + " %",
                  "of names readable");
  }
  out += figure(std::to_string(answer.coverage.agents_reporting) + " of " +
                    std::to_string(answer.coverage.agents_known),
                "agents reporting");
  return out + "</dl>\n";
}

std::string evidence_list(const std::vector<Evidence>& evidence) {
  std::string out = "<ol class=\"evidence\">";
  for (const Evidence& line : evidence) {
    out += "<li>" + escape_html(line.what);
    if (!line.host.empty()) {
      out += " <code>" + escape_html(line.host) + "</code>";
    }
    out += "</li>";
  }
  return out + "</ol>";
}

std::string history_table(const ToolWeek& tool, Week week, const Frame& frame) {
  std::string rows;
  std::uint32_t top = 1;
  for (const std::uint32_t count : tool.history) {
    top = std::max(top, shown_size(count, frame.min_group));
  }
  Week at = week;
  for (std::size_t i = kHistoryWeeks; i > 0; --i) {
    const std::uint32_t count = tool.history[i - 1];
    const std::uint32_t size = shown_size(count, frame.min_group) * 100 / top;
    rows += "<tr><th scope=\"row\">" + to_string(at) +
            "</th><td><svg class=\"bar\" viewBox=\"0 0 "
            "100 8\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width=\"" +
            std::to_string(size) + "\" height=\"8\"/></svg></td><td>" +
            escape_html(devices_in_words(count, frame.min_group).words) + "</td></tr>";
    at = previous(at);
  }
  return "<table class=\"weeksbar\"><caption>Devices that used it</caption><thead class=\"hidden\">"
         "<tr><th>Week</th><th>Bar</th><th>Devices</th></tr></thead><tbody>" +
         rows + "</tbody></table>";
}

std::string record_list(const std::vector<StandingRecord>& record, const Calendar& calendar) {
  if (record.empty()) {
    return "<p>Nobody has decided about it yet. New is not the same as not allowed.</p>";
  }
  std::string out = "<ol class=\"record\" reversed>";
  for (auto entry = record.rbegin(); entry != record.rend(); ++entry) {
    out += "<li><strong>" + escape_html(to_string(entry->change.standing)) + "</strong>, was " +
           escape_html(to_string(entry->before)) + ", <time datetime=\"" + utc_text(entry->when) +
           "\">" + to_string(calendar.day_of(entry->when)) + "</time>";
    if (!entry->change.by.empty()) {
      out += ", by " + escape_html(entry->change.by);
    }
    if (!entry->change.reason.empty()) {
      out += "<br>" + escape_html(entry->change.reason);
    }
    if (!entry->change.alternative.empty()) {
      out += "<br>Instead: " + escape_html(entry->change.alternative);
    }
    if (entry->change.review_on) {
      out += "<br>To be looked at again on " + to_string(*entry->change.review_on);
    }
    out += "</li>";
  }
  return out + "</ol>";
}

// tenant_list names the company's own parts, and others' that enough devices met.
std::string tenant_list(const std::vector<TenantSeen>& tenants, const Frame& frame) {
  std::string list;
  std::size_t hidden = 0;
  for (const TenantSeen& tenant : tenants) {
    if (!may_be_named(tenant, frame.min_group)) {
      ++hidden;
      continue;
    }
    list += "<li>" + escape_html(tenant.name) +
            (tenant.whose == TenantSeen::Whose::own       ? " (the company's own)"
             : tenant.whose == TenantSeen::Whose::foreign ? " (not the company's)"
                                                          : "") +
            (tenant.is_new ? ", new this week" : "") + "</li>";
  }
  if (hidden > 0) {
    list += "<li>" + std::to_string(hidden) + (list.empty() ? "" : " more") + " that fewer than " +
            std::to_string(frame.min_group) + " devices met</li>";
  }
  return "<ul>" + list + "</ul>";
}

}  // namespace

std::string standing_word(const ToolName& tool, const Standings& standings) {
  const auto found = standings.find(tool.id);
  const Standing standing = found != standings.end() ? found->second.change.standing
                            : tool.sanctioned        ? Standing::sanctioned
                                                     : Standing::fresh;
  return std::string{to_string(standing)};
}

std::string tools_page(const Frame& frame, const WeekAnswer& answer, const Standings& standings,
                       const ToolFilter& filter) {
  std::string main =
      "<div class=\"wide\"><div class=\"titleline\"><div><h1>Tools of the week</h1>"
      "<p class=\"subtitle\">" +
      escape_html(span_words(answer.week));
  if (answer.fresh) {
    main += ", last report " + ago(*answer.fresh, answer.asked);
  }
  main += "</p></div>" + week_switch(answer.week, "/?week=", "") + "</div>\n";
  main += figures(answer) + filter_form(answer, filter);
  if (answer.first_week) {
    main +=
        "<p class=\"hint\" role=\"note\">The first week of watching: many tools look new that "
        "people "
        "have long used.</p>\n";
  }
  std::vector<const ToolWeek*> left;
  for (const ToolWeek& week : answer.tools) {
    if (wanted(week, filter)) {
      left.push_back(&week);
    }
  }
  std::size_t shown = 0;
  for (const Lane& lane : kLanes) {
    const auto rest = std::stable_partition(
        left.begin(), left.end(), [&](const ToolWeek* week) { return lane.holds(*week); });
    const std::vector<const ToolWeek*> held{left.begin(), rest};
    left.erase(left.begin(), rest);
    if (held.empty() || (std::string_view{lane.id} == "unused" && !filter.all)) {
      continue;
    }
    shown += held.size();
    main += "<section class=\"lane " + std::string{lane.id} + "\" aria-labelledby=\"" + lane.id +
            "\"><h2 id=\"" + lane.id + "\">" + lane.heading + " <span class=\"number\">" +
            std::to_string(held.size()) + "</span></h2><p class=\"intro\">" + lane.words +
            "</p><ul class=\"cards\">\n";
    for (const ToolWeek* week : held) {
      main += card(frame, *week, answer.week, standings);
    }
    main += "</ul></section>\n";
  }
  if (shown == 0) {
    main += "<div class=\"empty\"><h2>Nothing to show</h2><p>" +
            std::string{answer.fresh ? "No tool of this week fits. Try another week or a wider "
                                       "filter."
                                     : "No agent has reported yet. Enrol one, and come back in a "
                                       "quarter of an hour."} +
            "</p></div>\n";
  }
  main += "</div>\n";
  return whole_page(frame, Nav::tools, "Tools of " + to_string(answer.week), main);
}

std::string tool_page(const Frame& frame, const ToolWeek& tool, Week week,
                      const std::vector<StandingRecord>& record) {
  std::string main =
      "<div class=\"narrow\"><p class=\"crumb\"><a href=\"/?week=" + to_string(week) +
      "\">&larr; Tools of " + to_string(week) + "</a></p><h1>" + escape_html(tool.tool.name) +
      "</h1><p class=\"subtitle\">" +
      escape_html(tool.tool.category.empty() ? "Not in the catalogue" : tool.tool.category);
  if (!tool.tool.vendor.empty()) {
    main += ", by " + escape_html(tool.tool.vendor);
  }
  main += "</p>\n" + week_switch(week, "/tools/" + query_value(tool.tool.id) + "?week=", "");
  main += "<section><h2>This week</h2>";
  if (tool.devices > 0) {
    main += "<p class=\"count\">" +
            escape_html(devices_in_words(tool.devices, frame.min_group).words) + "</p>" +
            stage_bar(tool, frame);
  } else if (tool.in_stage(Stage::embedded) > 0) {
    main += "<p>Only on other people's pages. Nobody used it.</p>";
  } else {
    main += "<p>Nobody used it this week.</p>";
  }
  if (tool.first_used) {
    main += "<p class=\"meta\">First seen in use " +
            to_string(frame.calendar.day_of(*tool.first_used)) + "; ever on " +
            escape_html(devices_in_words(tool.devices_ever, frame.min_group).words) + ".</p>";
  }
  main += "</section>\n";
  if (tool.signup) {
    main += "<section class=\"first\"><h2>A sign-up is likely</h2><p>Confidence " +
            std::to_string((tool.signup->confidence + 5) / 10) + " %, on " +
            day_words(tool.signup->day) + ". Why:</p>" + evidence_list(tool.signup->evidence) +
            "</section>\n";
  }
  if (!tool.api_programs.empty()) {
    main += "<section><h2>Programs that call it</h2><ul>";
    for (const std::string& program : tool.api_programs) {
      main += "<li><code>" + escape_html(program) + "</code></li>";
    }
    main += "</ul></section>\n";
  }
  if (!tool.tenants.empty() && tool.devices >= frame.min_group) {
    main += "<section><h2>Customers' parts seen</h2>" + tenant_list(tool.tenants, frame) +
            "</section>\n";
  }
  main += "<section><h2>Eight weeks</h2>" + history_table(tool, week, frame) + "</section>\n";
  main += "<section><h2>What was decided</h2>" + record_list(record, frame.calendar) +
          "</section></div>\n";
  return whole_page(frame, Nav::tools, tool.tool.name, main);
}

std::string digest_page(const Frame& frame, const Digest& digest, const std::vector<Week>& issued) {
  std::string main = "<div class=\"narrow\">" + week_switch(digest.week, "/digest/", "") +
                     "</div>" + render_article(make_document(digest));
  main += "<div class=\"narrow\"><p class=\"meta\">As <a href=\"/api/v1/digests/" +
          to_string(digest.week) + "\">JSON</a>, or print it.";
  if (!issued.empty()) {
    main += " Issued weeks:";
    const std::size_t first = issued.size() > 8 ? issued.size() - 8 : 0;
    for (std::size_t i = issued.size(); i > first; --i) {
      const std::string week = to_string(issued[i - 1]);
      main += " <a href=\"/digest/";
      main += week;
      main += "\">";
      main += week;
      main += "</a>";
    }
  }
  main += "</p></div>\n";
  return whole_page(frame, Nav::digest, "Digest of " + to_string(digest.week), main);
}

std::string message_page(const Frame& frame, std::string_view title, std::string_view text) {
  return whole_page(frame, Nav::none, title,
                    "<div class=\"narrow\"><div class=\"empty\"><h1>" + escape_html(title) +
                        "</h1><p>" + escape_html(text) +
                        "</p><p><a href=\"/\">To the tools of the week</a></p></div></div>\n");
}

}  // namespace gnomon::web
