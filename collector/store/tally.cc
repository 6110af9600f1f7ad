#include "collector/store/tally.h"

#include "collector/store/keys.h"
#include "core/byte_writer.h"
#include "core/file.h"

namespace gnomon::store {
namespace {

// Of a carried value, so that nobody takes it for a batch: those are format 1 (keys.cc).
constexpr std::uint8_t kCarriedFormat = 2;

void put_run(ByteWriter& out, std::string_view run) {
  out.u32(static_cast<std::uint32_t>(run.size()));
  out.text(run);
}

template <typename Totals>
void put_totals(ByteWriter& out, const Totals& totals) {
  out.u32(static_cast<std::uint32_t>(totals.size()));
  for (const auto& [key, total] : totals) {
    put_run(out, key);
    put_run(out, encode(total));
  }
}

template <typename Totals, typename Decode>
bool take_totals(ByteReader& in, Totals& totals, const Decode& decode) {
  for (std::uint32_t left = in.u32(); left > 0 && in.ok(); --left) {
    const std::string key{text_of(in.take(in.u32()))};
    const auto total = decode(in.take(in.u32()));
    if (!in.ok() || !total) {
      return false;
    }
    gnomon::add(totals[key], *total);
  }
  return in.ok();
}

}  // namespace

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
  for (const TokenReport& report : admitted.batch.unknowns) {
    gnomon::add(unknowns_[{TokenId{report.epoch, report.token}, agent}], token_device(report));
  }
  gnomon::add(agents_[agent_key(agent)], more);
}

std::vector<TokenId> Tally::tokens() const {
  std::vector<TokenId> tokens;
  for (const auto& [key, total] : unknowns_) {
    if (tokens.empty() || tokens.back() != key.first) {
      tokens.push_back(key.first);
    }
  }
  return tokens;
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

std::string Tally::carried() const {
  ByteWriter out;
  out.u8(kCarriedFormat);
  put_totals(out, agents_);
  put_totals(out, tools_);
  return std::string{text_of(out.view())};
}

bool Tally::add_carried(std::string_view value) {
  ByteReader in{bytes_of(value)};
  return in.u8() == kCarriedFormat && take_totals(in, agents_, decode_agent_total) &&
         take_totals(in, tools_, decode_tool_device) && in.empty();
}

void Tally::clear() {
  days_.clear();
  tools_.clear();
  agents_.clear();
  health_.clear();
  gaps_.clear();
  unknowns_.clear();
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
  for (const auto& [key, total] : unknowns_) {
    static_cast<void>(batch.Merge(database.family(Family::unknowns),
                                  slice(token_key(key.first, key.second)), slice(encode(total))));
  }
  unknowns_.clear();
  for (const auto& [key, value] : gaps_) {
    static_cast<void>(batch.Put(database.family(Family::gaps), slice(key), slice(value)));
  }
  gaps_.clear();
}

}  // namespace gnomon::store
