#include "collector/unknowns/unknown_list.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "collector/rollup/totals.h"
#include "collector/unknowns/reveal_book.h"
#include "core/catalog/rule_pack.h"

namespace gnomon {
namespace {

Day day_of(std::uint32_t number) {
  return Day{static_cast<std::int32_t>(number)};
}

// row_of counts what the devices of the domain's tokens have told up to the end of the week. A
// device that told in two epochs is one device.
Result<UnknownDomainRow, IoError> row_of(const Snapshot& snapshot, const RevealedDomain& domain,
                                         Day monday) {
  std::map<std::string, TokenDevice, std::less<>> devices;
  for (const TokenId& token : domain.tokens) {
    const auto read = snapshot.token(
        token, [&](const TokenId&, std::string_view device, const TokenDevice& total) {
          add(devices[std::string{device}], total);
          return true;
        });
    if (!read) {
      return Failure{read.error()};
    }
  }
  UnknownDomainRow row;
  row.domain = domain.domain;
  row.revealed = domain.revealed;
  row.first = Day{INT32_MAX};
  row.last = Day{INT32_MIN};
  const Day next_monday = monday.plus(7);
  for (const auto& [device, total] : devices) {
    const Day first = day_of(total.first_day);
    const Day last = day_of(total.last_day);
    if (first >= next_monday) {
      continue;
    }
    ++row.devices;
    row.devices_new += first >= monday ? 1U : 0U;
    row.seen |= last >= monday;
    row.first = std::min(row.first, first);
    row.last = std::max(row.last, last);
  }
  return row;
}

}  // namespace

Result<UnknownsAnswer, IoError> UnknownList::week(Week week) const {
  UnknownsAnswer answer;
  answer.week = week;
  answer.asked = clock_.wall();
  const auto domains = RevealBook{store_, clock_}.domains();
  if (!domains) {
    return Failure{domains.error()};
  }
  const std::shared_ptr<const RulePack> pack = pack_ ? pack_() : nullptr;
  const auto snapshot = source_.snapshot();
  for (const RevealedDomain& domain : *domains) {
    if (pack != nullptr && pack->match(domain.domain).meaning != Meaning::unknown) {
      continue;
    }
    auto row = row_of(*snapshot, domain, first_day(week));
    if (!row) {
      return Failure{row.error()};
    }
    if (row->devices >= domain.min_devices) {
      answer.rows.push_back(std::move(*row));
    }
  }
  std::stable_sort(answer.rows.begin(), answer.rows.end(),
                   [](const UnknownDomainRow& a, const UnknownDomainRow& b) {
                     return std::tie(b.devices, a.domain) < std::tie(a.devices, b.domain);
                   });
  return answer;
}

std::string next_step(const std::string& domain) {
  return "gnomon rules new " + domain;
}

}  // namespace gnomon
