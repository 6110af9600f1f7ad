#include "agent/unknowns_text.h"

#include <algorithm>
#include <vector>

#include "agent/text_time.h"
#include "core/counted.h"

namespace gnomon {
namespace {

using Remembered = UnknownLedger::Domains::value_type;

const Reveal* reveal_of(const UnknownReports& reports, const std::string& domain) {
  const auto found = std::find_if(reports.reveals().begin(), reports.reveals().end(),
                                  [&](const Reveal& reveal) { return reveal.domain == domain; });
  return found == reports.reveals().end() ? nullptr : &*found;
}

// iso_day is "2026-11-16": day_text() puts the day of the week before it.
std::string iso_day(WallTime when) {
  return day_text(when).substr(4);
}

std::string days_of(const UnknownDomain& domain) {
  const std::string first = day_text(domain.first);
  const std::string last = day_text(domain.last);
  return first == last ? first : first + " to " + last;
}

std::string use_of(const UnknownDomain& domain) {
  return domain.days_opened == 0 ? "not opened by itself"
                                 : "opened on " + counted(domain.days_opened, "day", "days");
}

std::string left_of(const UnknownReports& reports, const std::string& name) {
  if (const Reveal* reveal = reveal_of(reports, name)) {
    return "told to the collector on " + day_text(reveal->when);
  }
  return reports.left(name) ? "a token left" : "stays here";
}

}  // namespace

std::string unknowns_status(const Config& config, const UnknownLedger& ledger,
                            const UnknownReports& reports) {
  std::string text = "\nHosts outside the catalogue\n";
  text += config.unknown_days == 0
              ? "  Not remembered (unknown-days = 0)\n"
              : "  Remembered on this machine only: " +
                    counted(ledger.domains().size(), "domain", "domains") + ", for " +
                    std::to_string(config.unknown_days) + " days at most\n";
  const std::string_view obstacle = reports.obstacle();
  text +=
      obstacle.empty()
          ? "  Tokens that stand for such domains leave, for those opened on two days or more: " +
                std::to_string(reports.left_count()) + " so far\n"
          : "  Tokens that stand for such domains do not leave: " + std::string{obstacle} + "\n";
  if (reports.reveals().empty()) {
    return text + "  Names told to the collector: none\n";
  }
  text += "  Names told to the collector, because enough other devices had them too:\n";
  for (const Reveal& reveal : reports.reveals()) {
    text += "    " + reveal.domain + ", on " + day_text(reveal.when) + "\n";
  }
  return text;
}

std::string unknowns_list(const UnknownLedger& ledger, const UnknownReports& reports,
                          std::size_t limit) {
  std::vector<const Remembered*> order;
  for (const Remembered& entry : ledger.domains()) {
    order.push_back(&entry);
  }
  std::stable_sort(order.begin(), order.end(), [](const Remembered* a, const Remembered* b) {
    return a->second.last > b->second.last;
  });
  std::string text = "Outside the catalogue, remembered on this machine: " +
                     counted(order.size(), "domain", "domains") + ".\n";
  const std::size_t shown = std::min(limit, order.size());
  for (std::size_t i = 0; i < shown; ++i) {
    const auto& [name, domain] = *order.at(i);
    text += "  " + name + ": " + days_of(domain) + ", " + use_of(domain) + "; " +
            left_of(reports, name) + "\n";
  }
  if (shown < order.size()) {
    text += "  and " + std::to_string(order.size() - shown) +
            " more: gnomon-agent explain --unknowns lists them all\n";
  }
  return text;
}

std::string unknowns_json(const UnknownLedger& ledger, const UnknownReports& reports) {
  std::string text;
  // Names and days need no escaping: letters, digits, dots, hyphens and underscores.
  for (const auto& [name, domain] : ledger.domains()) {
    const Reveal* reveal = reveal_of(reports, name);
    text += "{\"domain\":\"" + name + "\",\"first\":\"" + iso_day(domain.first) + "\",\"last\":\"" +
            iso_day(domain.last) + "\",\"days_opened\":" + std::to_string(domain.days_opened) +
            ",\"sightings\":" + std::to_string(domain.sightings) +
            ",\"token_left\":" + (reports.left(name) ? "true" : "false") + ",\"told\":" +
            (reveal != nullptr ? "\"" + iso_day(reveal->when) + "\"" : std::string{"null"}) + "}\n";
  }
  return text;
}

}  // namespace gnomon
