#include "collector/query/coverage.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "collector/query/query.h"

namespace gnomon {
namespace {

constexpr double kBlindBelow = 0.9;

void add_counts(Health& sum, const Health& more) {
  sum.packets += more.packets;
  sum.dropped += more.dropped;
  sum.hellos += more.hellos;
  sum.hellos_incomplete += more.hellos_incomplete;
  sum.ech_real += more.ech_real;
  sum.encrypted_dns += more.encrypted_dns;
  sum.flows_evicted += more.flows_evicted;
}

using AgentIds = std::set<std::string, std::less<>>;

// read_health adds up, agent by agent, what was counted within the week. `reporting` takes the ids
// of those that told anything.
Result<Ok, IoError> read_health(const Snapshot& snapshot, const Span& span, Coverage& coverage,
                                AgentIds& reporting) {
  struct OfAgent {
    std::optional<Health> last;
    Health grown;
    bool reporting = false;
  };
  std::map<std::string, OfAgent, std::less<>> agents;
  // A week earlier too: what was counted over Sunday's midnight is the difference to the report
  // before it.
  auto read = snapshot.health(
      span.monday.plus(-7), span.monday.plus(7),
      [&](Day day, std::string_view agent, const HealthDay& total) {
        OfAgent& of_agent = agents[std::string{agent}];
        if (span.holds(day)) {
          of_agent.reporting = true;
          add_counts(of_agent.grown,
                     of_agent.last ? grown_between(*of_agent.last, total.first) : total.first);
          add_counts(of_agent.grown, total.grown);
        }
        of_agent.last = total.last;
        return true;
      });
  for (const auto& [agent, of_agent] : agents) {
    if (of_agent.reporting) {
      reporting.insert(agent);
      ++coverage.agents_reporting;
      add_counts(coverage.grown, of_agent.grown);
      const auto share = readable_share(of_agent.grown);
      coverage.agents_blind += share && *share < kBlindBelow ? 1U : 0U;
    }
  }
  coverage.readable = readable_share(coverage.grown);
  return read;
}

}  // namespace

std::optional<double> readable_share(const Health& counts) {
  if (counts.hellos == 0) {
    return std::nullopt;
  }
  const auto hidden = std::min(counts.hellos, counts.hellos_incomplete + counts.ech_real);
  const double read =
      static_cast<double>(counts.hellos - hidden) / static_cast<double>(counts.hellos);
  const double arrived = static_cast<double>(counts.packets);
  const double dropped = static_cast<double>(counts.dropped);
  return arrived + dropped > 0 ? read * arrived / (arrived + dropped) : read;
}

Result<Ok, IoError> read_coverage(const Snapshot& snapshot, const Span& span, WeekAnswer& answer) {
  Coverage& coverage = answer.coverage;
  AgentIds reporting;
  if (auto read = read_health(snapshot, span, coverage, reporting); !read) {
    return read;
  }
  std::map<std::string, GapSum> gaps;
  auto read =
      snapshot.gaps(span.monday, span.monday.plus(7), [&](Day, std::string_view, const Gap& gap) {
        GapSum& sum = gaps[gap.reason];
        sum.reason = gap.reason;
        ++sum.times;
        sum.contacts += gap.contacts;
        return true;
      });
  if (!read) {
    return read;
  }
  for (auto& [reason, sum] : gaps) {
    coverage.gaps.push_back(std::move(sum));
  }
  WallTime first_ever = WallTime::max();
  const WallTime until = std::min(span.end, answer.asked);
  read = snapshot.agents([&](std::string_view agent, const AgentTotal& total) {
    first_ever = std::min(first_ever, total.first_received);
    if (!answer.fresh || total.last_received > *answer.fresh) {
      answer.fresh = total.last_received;
    }
    // What was played from recordings, or kept through a long time offline, tells of days before
    // the collector first heard of the agent.
    if (total.first_received < span.end || reporting.count(agent) > 0) {
      ++coverage.agents_known;
      coverage.agents_silent += total.last_received < until - kSilentAfter ? 1U : 0U;
    }
    return true;
  });
  return read;
}

}  // namespace gnomon
