// What is told of every agent.

#include <algorithm>
#include <string_view>
#include <utility>

#include "collector/query/query.h"

namespace gnomon {
namespace {

// read_lost adds to each agent what it declared lost lately. Agents stand in the order of their
// ids.
Result<Ok, IoError> read_lost(const Snapshot& snapshot, AgentsAnswer& answer) {
  const Day today = snapshot.facts().calendar.day_of(answer.asked);
  return snapshot.gaps(
      today.plus(-kLostDays), today.plus(2), [&](Day, std::string_view agent, const Gap& gap) {
        const auto row =
            std::lower_bound(answer.agents.begin(), answer.agents.end(), agent,
                             [](const AgentRow& one, std::string_view id) { return one.id < id; });
        if (row == answer.agents.end() || row->id != agent) {
          return true;
        }
        auto sum = std::find_if(row->lost.begin(), row->lost.end(),
                                [&](const GapSum& known) { return known.reason == gap.reason; });
        if (sum == row->lost.end()) {
          sum = row->lost.insert(row->lost.end(), GapSum{gap.reason, 0, 0});
        }
        ++sum->times;
        sum->contacts += gap.contacts;
        return true;
      });
}

}  // namespace

Result<AgentsAnswer, IoError> Query::agents() const {
  const auto snapshot = source_.snapshot();
  AgentsAnswer answer;
  answer.asked = clock_.wall();
  answer.sample = snapshot->facts().sample;
  const auto read = snapshot->agents([&](std::string_view id, const AgentTotal& total) {
    AgentRow row;
    row.id = id;
    row.first_received = total.first_received;
    row.last_received = total.last_received;
    row.silent = total.last_received < answer.asked - kSilentAfter;
    row.batches = total.batches;
    row.refused = total.refused;
    row.contacts = total.contacts;
    row.gaps = total.gaps;
    row.contacts_lost = total.contacts_lost;
    row.clock_ahead_s = total.clock_ahead_ns / 1'000'000'000;
    if (total.health) {
      row.version = total.health->agent_version;
      row.pack_version = total.health->pack_version;
      row.rss_bytes = total.health->rss_bytes;
      row.spool_bytes = total.health->spool_bytes;
      row.notes = total.health->notes;
      row.readable = readable_share(*total.health);
    }
    if (!answer.fresh || row.last_received > *answer.fresh) {
      answer.fresh = row.last_received;
    }
    answer.agents.push_back(std::move(row));
    return true;
  });
  if (!read) {
    return Failure{read.error()};
  }
  if (const auto lost = read_lost(*snapshot, answer); !lost) {
    return Failure{lost.error()};
  }
  return answer;
}

}  // namespace gnomon
