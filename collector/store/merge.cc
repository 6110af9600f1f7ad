#include "collector/store/merge.h"

#include <optional>
#include <string>

#include "collector/rollup/totals.h"

namespace gnomon::store {
namespace {

// TotalMerge adds operands in the order in which they were written. A value that cannot be read
// stops the merge: RocksDB then reports the family as damaged instead of losing what it held.
template <typename Total, std::optional<Total> (*kDecode)(Bytes)>
class TotalMerge final : public rocksdb::AssociativeMergeOperator {
 public:
  explicit TotalMerge(const char* name) : name_(name) {}

  bool Merge(const rocksdb::Slice& /*key*/, const rocksdb::Slice* existing,
             const rocksdb::Slice& value, std::string* merged,
             rocksdb::Logger* /*logger*/) const override {
    if (existing == nullptr) {
      merged->assign(value.data(), value.size());
      return true;
    }
    std::optional<Total> total = kDecode(bytes_of(view(*existing)));
    const std::optional<Total> later = kDecode(bytes_of(view(value)));
    if (!total || !later) {
      return false;
    }
    add(*total, *later);
    *merged = encode(*total);
    return true;
  }

  const char* Name() const override { return name_; }

 private:
  const char* name_;
};

}  // namespace

std::shared_ptr<rocksdb::MergeOperator> merge_operator(Family family) {
  switch (family) {
    case Family::days:
      return std::make_shared<TotalMerge<DayTotal, decode_day_total>>("gnomon.day");
    case Family::tools:
      return std::make_shared<TotalMerge<ToolDevice, decode_tool_device>>("gnomon.tool");
    case Family::agents:
      return std::make_shared<TotalMerge<AgentTotal, decode_agent_total>>("gnomon.agent");
    case Family::health:
      return std::make_shared<TotalMerge<HealthDay, decode_health_day>>("gnomon.health");
    case Family::unknowns:
      return std::make_shared<TotalMerge<TokenDevice, decode_token_device>>("gnomon.token");
    case Family::info:
    case Family::batches:
    case Family::cursors:
    case Family::gaps:
    case Family::meta:
      break;
  }
  return nullptr;
}

}  // namespace gnomon::store
