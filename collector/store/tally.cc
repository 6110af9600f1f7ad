#include "collector/store/tally.h"

#include "collector/store/keys.h"

namespace gnomon::store {

void Tally::add(const Admitted& admitted) {
  const std::string& agent = admitted.id.agent;
  AgentTotal more;
  more.first_received = admitted.received;
  more.last_received = admitted.received;
  more.clock_ahead_ns = admitted.clock_ahead.count();
  more.batches = 1;
  more.contacts = admitted.batch.contacts.size();
  more.gaps = admitted.batch.gaps.size();
  more.health = admitted.batch.health;

  for (const Contact& contact : admitted.batch.contacts) {
    const Day day = calendar_.day_of(contact.first);
    gnomon::add(days_[day_key(day, contact.tool, agent)], day_total(contact));
    gnomon::add(tools_[tool_key(contact.tool, agent)], tool_device(contact));
  }
  std::uint16_t index = 0;
  for (const Gap& gap : admitted.batch.gaps) {
    more.contacts_lost += gap.contacts;
    add_gap(admitted.id, admitted.received, index++, gap);
  }
  if (admitted.batch.health) {
    const Health& health = *admitted.batch.health;
    gnomon::add(health_[health_key(calendar_.day_of(health.when), agent)], health_day(health));
  }
  gnomon::add(agents_[agent_key(agent)], more);
}

void Tally::add_refused(const Upload& upload) {
  AgentTotal more;
  more.first_received = upload.received;
  more.last_received = upload.received;
  more.refused = 1;
  more.gaps = 1;
  gnomon::add(agents_[agent_key(upload.id.agent)], more);

  Gap gap;
  gap.from = upload.received;
  gap.to = upload.received;
  gap.reason = "batch-refused";
  gap.from_sequence = upload.first_sequence;
  gap.to_sequence = upload.id.sequence;
  add_gap(upload.id, upload.received, 0, gap);
}

void Tally::add_gap(const BatchId& id, WallTime received, std::uint16_t index, const Gap& gap) {
  gaps_[gap_key(calendar_.day_of(received), id, index)] = encode(gap);
}

void Tally::write(const Database& database, rocksdb::WriteBatch& batch) {
  const auto merge = [&](Family family, auto& totals) {
    for (const auto& [key, total] : totals) {
      // A WriteBatch fails only when it has a limit, and this one has none.
      static_cast<void>(batch.Merge(database.family(family), slice(key), slice(encode(total))));
    }
    totals.clear();
  };
  merge(Family::days, days_);
  merge(Family::tools, tools_);
  merge(Family::agents, agents_);
  merge(Family::health, health_);
  for (const auto& [key, value] : gaps_) {
    static_cast<void>(batch.Put(database.family(Family::gaps), slice(key), slice(value)));
  }
  gaps_.clear();
}

}  // namespace gnomon::store
