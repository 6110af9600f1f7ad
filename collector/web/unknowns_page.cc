// The page of domains outside the catalogue.

#include "collector/web/html.h"
#include "collector/web/pages.h"

namespace gnomon::web {
namespace {

std::string row_of(const UnknownDomainRow& row, std::uint32_t min_group) {
  // A few newcomers are not counted out: with the week before, the number could show one device.
  const std::string growth = row.devices_new == 0 ? "no new device this week"
                             : row.devices_new < min_group
                                 ? "a few new devices this week"
                                 : std::to_string(row.devices_new) + " new devices this week";
  return "<tr><th scope=\"row\"><code>" + escape_html(row.domain) + "</code></th><td>" +
         std::to_string(row.devices) + "</td><td>" + growth + "</td><td>" + to_string(row.first) +
         "</td><td>" + to_string(row.last) + "</td><td><code>" +
         escape_html(next_step(row.domain)) + "</code></td></tr>\n";
}

}  // namespace

std::string unknowns_page(const Frame& frame, const UnknownsAnswer& answer,
                          const UnknownsFacts& facts) {
  const std::string k = std::to_string(facts.min_devices);
  std::string main =
      "<div class=\"wide\"><h1>Outside the catalogue</h1><p class=\"subtitle\">Domains that at "
      "least " +
      k +
      " devices opened on different days and that the catalogue does not know. Some are tools, "
      "many "
      "are not.</p>\n";
  if (!facts.enabled) {
    main +=
        "<p class=\"hint\" role=\"note\">Switched off: this collector asks for nothing outside the "
        "catalogue (<code>--unknowns</code>), and each machine must allow it too.</p>\n";
  }
  if (answer.rows.empty()) {
    main += "<div class=\"empty\"><h2>Nothing to show</h2><p>Below " + k +
            " devices nobody here can read which domain it is.</p></div></div>\n";
    return whole_page(frame, Nav::unknowns, "Outside the catalogue", main);
  }
  main +=
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Domains\"><table "
      "class=\"agents\"><thead><tr><th>Domain</th><th>Devices</th><th>Growth</th><th>First "
      "seen</th><th>Last seen</th><th>If it is a tool</th></tr></thead><tbody>\n";
  for (const UnknownDomainRow& row : answer.rows) {
    main += row_of(row, frame.min_group);
  }
  main +=
      "</tbody></table></div><p class=\"meta\">How a name comes to be readable, and every time it "
      "did, is on record: <code>gnomon admin unknowns record</code>.</p></div>\n";
  return whole_page(frame, Nav::unknowns, "Outside the catalogue", main);
}

}  // namespace gnomon::web
