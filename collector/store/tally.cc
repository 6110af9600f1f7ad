#include "collector/store/tally.h"

#include <algorithm>
#include <cstdint>

#include "collector/store/keys.h"
#include "core/byte_writer.h"
#include "core/file.h"

namespace gnomon::store {
namespace {

// Of a carried value, so that nobody takes it for a batch: those are format 1 (keys.cc).
constexpr std::uint8_t kCarriedFormat = 2;

using Encoded = std::vector<std::pair<std::string, std::string>>;  // keys and totals

void put_run(ByteWriter& out, std::string_view run) {
  out.u32(static_cast<std::uint32_t>(run.size()));
  out.text(run);
}

// put_totals writes them in the order of their keys.
void put_totals(ByteWriter& out, Encoded totals) {
  std::sort(totals.begin(), totals.end());
  out.u32(static_cast<std::uint32_t>(totals.size()));
  for (const auto& [key, total] : totals) {
    put_run(out, key);
    put_run(out, total);
  }
}

// take_totals hands every key and total to `take`, which says whether they are good.
template <typename Take>
bool take_totals(ByteReader& in, const Take& take) {
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) {
    const std::string_view key = text_of(in.take(in.u32()));
    const Bytes total = in.take(in.u32());
    if (!in.ok() || !take(key, total)) {
      return false;
    }
  }
  return in.ok();
}

}  // namespace

Tally::OfAgent& Tally::of_agent(std::string_view agent) {
  auto found = agents_.find(agent);
  if (found == agents_.end()) {
    found = agents_.try_emplace(std::string{agent}).first;
    ++size_;
  }
  return found->second;
}

Tally::OfTool& Tally::of_tool(OfAgent& agent, std::string_view tool) {
  auto found = agent.tools.find(tool);
  if (found == agent.tools.end()) {
    found = agent.tools.try_emplace(std::string{tool}).first;
    ++size_;
  }
  return found->second;
}

template <typename Total>
Total& Tally::of_day(std::vector<std::pair<Day, Total>>& days, Day day) {
  // From the end: time goes on.
  const auto found = std::find_if(days.rbegin(), days.rend(),
                                  [&](const auto& known) { return known.first == day; });
  if (found != days.rend()) {
    return found->second;
  }
  ++size_;
  return days.emplace_back(day, Total{}).second;
}

void Tally::add(const Admitted& admitted) {
  OfAgent& agent = of_agent(admitted.id.agent);
  AgentTotal more;
  more.first_received = admitted.received;
  more.last_received = admitted.received;
  more.clock_ahead_ns = admitted.clock_ahead.count();
  more.batches = 1;
  more.contacts = admitted.batch.contacts.size();
  more.gaps = admitted.batch.gaps.size();
  more.health = admitted.batch.health;

  for (const Contact& contact : admitted.batch.contacts) {
    OfTool& tool = of_tool(agent, contact.tool);
    gnomon::add(of_day(tool.days, days_.day_of(contact.first)), contact);
    gnomon::add(tool.life, contact);
  }
  std::uint16_t index = 0;
  for (const Gap& gap : admitted.batch.gaps) {
    more.contacts_lost += gap.contacts;
    add_gap(admitted.id, admitted.received, index++, gap);
  }
  if (admitted.batch.health) {
    const Health& health = *admitted.batch.health;
    gnomon::add(of_day(agent.health, days_.day_of(health.when)), health_day(health));
  }
  for (const TokenReport& report : admitted.batch.unknowns) {
    const auto [place, made] =
        agent.unknowns.try_emplace(TokenId{report.epoch, report.token}, TokenDevice{});
    size_ += made ? 1U : 0U;
    gnomon::add(place->second, token_device(report));
  }
  gnomon::add(agent.total, more);
}

std::vector<TokenId> Tally::tokens() const {
  std::vector<TokenId> tokens;
  for (const auto& [name, agent] : agents_) {
    for (const auto& [token, device] : agent.unknowns) {
      tokens.push_back(token);
    }
  }
  std::sort(tokens.begin(), tokens.end());
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  return tokens;
}

void Tally::add_refused(const Upload& upload) {
  AgentTotal more;
  more.first_received = upload.received;
  more.last_received = upload.received;
  more.refused = 1;
  more.gaps = 1;
  gnomon::add(of_agent(upload.id.agent).total, more);

  Gap gap;
  gap.from = upload.received;
  gap.to = upload.received;
  gap.reason = "batch-refused";
  gap.from_sequence = upload.first_sequence;
  gap.to_sequence = upload.id.sequence;
  add_gap(upload.id, upload.received, 0, gap);
}

void Tally::add_gap(const BatchId& id, WallTime received, std::uint16_t index, const Gap& gap) {
  gaps_.emplace_back(gap_key(days_.day_of(received), id, index), encode(gap));
  ++size_;
}

std::string Tally::carried() const {
  Encoded agents;
  Encoded tools;
  for (const auto& [name, agent] : agents_) {
    agents.emplace_back(agent_key(name), encode(agent.total));
    for (const auto& [tool, totals] : agent.tools) {
      tools.emplace_back(tool_key(tool, name), encode(totals.life));
    }
  }
  ByteWriter out;
  out.u8(kCarriedFormat);
  put_totals(out, std::move(agents));
  put_totals(out, std::move(tools));
  return std::string{text_of(out.view())};
}

bool Tally::add_carried(std::string_view value) {
  ByteReader in{bytes_of(value)};
  const auto take_agent = [&](std::string_view key, Bytes bytes) {
    const auto agent = parse_agent_key(key);
    const auto total = decode_agent_total(bytes);
    if (agent && total) {
      gnomon::add(of_agent(*agent).total, *total);
    }
    return agent && total;
  };
  const auto take_tool = [&](std::string_view key, Bytes bytes) {
    const auto place = parse_tool_key(key);
    const auto life = decode_tool_device(bytes);
    if (place && life) {
      gnomon::add(of_tool(of_agent(place->device), place->tool).life, *life);
    }
    return place && life;
  };
  return in.u8() == kCarriedFormat && take_totals(in, take_agent) && take_totals(in, take_tool) &&
         in.empty();
}

void Tally::clear() {
  agents_.clear();
  gaps_.clear();
  size_ = 0;
}

void Tally::write(const Database& database, rocksdb::WriteBatch& batch) {
  // A WriteBatch fails only when it has a limit, and this one has none.
  const auto merge = [&](Family family, const std::string& key, const std::string& total) {
    static_cast<void>(batch.Merge(database.family(family), slice(key), slice(total)));
  };
  for (const auto& [name, agent] : agents_) {
    merge(Family::agents, agent_key(name), encode(agent.total));
    for (const auto& [tool, totals] : agent.tools) {
      merge(Family::tools, tool_key(tool, name), encode(totals.life));
      for (const auto& [day, total] : totals.days) {
        merge(Family::days, day_key(day, tool, name), encode(total));
      }
    }
    for (const auto& [day, total] : agent.health) {
      merge(Family::health, health_key(day, name), encode(total));
    }
    for (const auto& [token, device] : agent.unknowns) {
      merge(Family::unknowns, token_key(token, name), encode(device));
    }
  }
  for (const auto& [key, value] : gaps_) {
    static_cast<void>(batch.Put(database.family(Family::gaps), slice(key), slice(value)));
  }
  clear();
}

}  // namespace gnomon::store
