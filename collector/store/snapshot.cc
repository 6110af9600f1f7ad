#include "collector/store/snapshot.h"

#include <utility>

#include "collector/store/keys.h"

namespace gnomon::store {
namespace {

// DatabaseSnapshot reads through one RocksDB snapshot, and releases it. Of a database that could
// not be opened again it reads nothing but the error.
class DatabaseSnapshot final : public Snapshot {
 public:
  DatabaseSnapshot(const Database& database, StoreFacts facts)
      : database_(database),
        pin_(database),
        facts_(std::move(facts)),
        moment_(pin_ ? database.db().GetSnapshot() : nullptr) {}
  ~DatabaseSnapshot() override {
    if (moment_ != nullptr) {
      database_.db().ReleaseSnapshot(moment_);
    }
  }
  DatabaseSnapshot(const DatabaseSnapshot&) = delete;
  DatabaseSnapshot& operator=(const DatabaseSnapshot&) = delete;

  StoreFacts facts() const override { return facts_; }

  Result<Ok, IoError> days(Day from, Day to, const VisitDay& visit) const override {
    return scan(Family::days, day_prefix(from), day_prefix(to), parse_day_key, decode_day_total,
                [&](const DayKey& key, const DayTotal& total) {
                  return visit(key.day, key.tool, key.device, total);
                });
  }

  Result<Ok, IoError> health(Day from, Day to, const VisitHealth& visit) const override {
    return scan(Family::health, day_prefix(from), day_prefix(to), parse_day_agent_key,
                decode_health_day, [&](const DayAgentKey& key, const HealthDay& total) {
                  return visit(key.day, key.agent, total);
                });
  }

  Result<Ok, IoError> gaps(Day from, Day to, const VisitGap& visit) const override {
    return scan(
        Family::gaps, day_prefix(from), day_prefix(to), parse_day_agent_key, decode_gap,
        [&](const DayAgentKey& key, const Gap& gap) { return visit(key.day, key.agent, gap); });
  }

  Result<Ok, IoError> tools(std::string_view tool, const VisitTool& visit) const override {
    const std::string prefix = tool.empty() ? std::string{} : tool_prefix(tool);
    return scan(Family::tools, prefix, Database::end_of(prefix), parse_tool_key, decode_tool_device,
                [&](const ToolKey& key, const ToolDevice& life) {
                  return visit(key.tool, key.device, life);
                });
  }

  Result<Ok, IoError> agents(const VisitAgent& visit) const override {
    return scan(
        Family::agents, {}, {}, parse_agent_key, decode_agent_total,
        [&](std::string_view agent, const AgentTotal& total) { return visit(agent, total); });
  }

  Result<Ok, IoError> token(const TokenId& token, const VisitToken& visit) const override {
    return scan_tokens(token_prefix(token), visit);
  }

  Result<Ok, IoError> tokens(std::uint32_t epoch, const VisitToken& visit) const override {
    return scan_tokens(epoch_prefix(epoch), visit);
  }

 private:
  Result<Ok, IoError> scan_tokens(const std::string& prefix, const VisitToken& visit) const {
    return scan(Family::unknowns, prefix, Database::end_of(prefix), parse_token_key,
                decode_token_device, [&](const TokenKey& key, const TokenDevice& total) {
                  return visit(key.token, key.device, total);
                });
  }

  template <typename ParseKey, typename Decode, typename Visit>
  Result<Ok, IoError> scan(Family family, const std::string& begin, const std::string& end,
                           ParseKey parse_key, Decode decode, const Visit& visit) const {
    bool damaged = false;
    auto scanned = database_.scan_range(family, begin, end, moment_,
                                        [&](std::string_view key, std::string_view value) {
                                          const auto parsed = parse_key(key);
                                          const auto total = decode(bytes_of(value));
                                          damaged = !parsed || !total;
                                          return !damaged && visit(*parsed, *total);
                                        });
    if (scanned && damaged) {
      return Failure{io_error("read", database_.path(), rocksdb::Status::Corruption())};
    }
    return scanned;
  }

  const Database& database_;
  const Database::Pin pin_;
  StoreFacts facts_;
  const rocksdb::Snapshot* moment_;
};

}  // namespace

std::unique_ptr<Snapshot> take_snapshot(const Database& database, StoreFacts facts) {
  return std::make_unique<DatabaseSnapshot>(database, std::move(facts));
}

}  // namespace gnomon::store
