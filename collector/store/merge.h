// The merge operators: how RocksDB adds totals without reading them first.

#pragma once

#include <rocksdb/merge_operator.h>

#include <memory>

#include "collector/store/database.h"

namespace gnomon::store {

// merge_operator gives the operator of a family of totals, nullptr for the others.
std::shared_ptr<rocksdb::MergeOperator> merge_operator(Family family);

}  // namespace gnomon::store
