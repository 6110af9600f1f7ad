// The page of agents.

#include "collector/web/html.h"
#include "collector/web/pages.h"
#include "core/counted.h"

namespace gnomon::web {
namespace {

std::string size_words(std::uint64_t bytes) {
  return bytes >= (1U << 20) ? std::to_string(bytes >> 20) + " MiB"
                             : std::to_string(bytes >> 10) + " KiB";
}

// lost_words tells what an agent declared lost: all of it as a number, and lately why.
std::string lost_words(const AgentRow& row) {
  if (row.gaps == 0) {
    return "nothing";
  }
  std::string words =
      counted(row.contacts_lost, "contact", "contacts") + ", " + counted(row.gaps, "gap", "gaps");
  for (const GapSum& sum : row.lost) {
    words += badge("growing", sum.reason);
  }
  return words;
}

}  // namespace

std::string agents_page(const Frame& frame, const AgentsAnswer& answer) {
  std::string main = "<div class=\"wide\"><h1>Agents</h1><p class=\"subtitle\">" +
                     counted(answer.agents.size(), "agent has", "agents have") +
                     " reported. Ids are random and name nobody.</p>\n";
  if (answer.agents.empty()) {
    main +=
        "<div class=\"empty\"><h2>No agent has reported yet</h2><p>Make a join token with "
        "<code>gnomon admin token create</code> and enrol a workstation.</p></div></div>\n";
    return whole_page(frame, Nav::agents, "Agents", main);
  }
  main +=
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Agents\"><table "
      "class=\"agents\"><thead><tr><th>Agent</th><th>Last report</th><th>Version</th>"
      "<th>Names readable</th><th>Batches</th><th>Declared lost</th><th>Memory</th><th>State"
      "</th></tr></thead><tbody>\n";
  for (const AgentRow& row : answer.agents) {
    main += "<tr><th scope=\"row\"><code>" + escape_html(row.id) + "</code></th><td>" +
            ago(row.last_received, answer.asked) + "</td><td>" +
            escape_html(row.version.empty() ? "-" : row.version) + "</td><td>" +
            (row.readable ? std::to_string(static_cast<int>(*row.readable * 100)) + " %" : "-") +
            "</td><td>" + std::to_string(row.batches) + "</td><td>" + lost_words(row) +
            "</td><td>" + (row.rss_bytes == 0 ? "-" : size_words(row.rss_bytes)) + "</td><td>";
    std::string state = row.silent ? badge("silent", "silent") : badge("ok", "reporting");
    for (const std::string& note : row.notes) {
      state += badge("growing", note);
    }
    main += state + "</td></tr>\n";
  }
  main += "</tbody></table></div></div>\n";
  return whole_page(frame, Nav::agents, "Agents", main);
}

}  // namespace gnomon::web
