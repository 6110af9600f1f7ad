// AuditTrail: records that are only ever added.

#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "collector/storage/meta_store.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// AuditTrail numbers records from 1 and keeps them in a MetaStore, each together with what it tells
// of: whoever reads the one finds the other. Nothing is ever changed or removed. Keys are
// `<name>/records`, the count, and `<name>/record/` with the number as 16 hex digits. The store
// must outlive it. Safe from every thread, also for several trails of one name; blocks on the disk.
class AuditTrail {
 public:
  // Entry is a record, and the changes that are made in the same step.
  struct Entry {
    std::string record;
    std::vector<MetaChange> changes;
  };
  using Make = std::function<Result<Entry, IoError>(std::uint64_t number)>;

  AuditTrail(MetaStore& store, std::string_view name);

  // add asks `make` for the entry with the number that it will have. When another trail of the name
  // was faster it asks again, so `make` reads anew what the entry rests on; it must not add
  // anything itself. Fails with resource_unavailable_try_again when others were faster again and
  // again.
  Result<Ok, IoError> add(const Make& make);

  // read visits all records in their order.
  Result<Ok, IoError> read(const std::function<void(std::string_view record)>& visit) const;

 private:
  MetaStore& store_;
  const std::string count_key_;
  const std::string record_prefix_;
  std::mutex adding_;  // who adds through one trail takes turns, and does not lose against the fast
};

}  // namespace gnomon
