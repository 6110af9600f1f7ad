// Rebuilding the totals from the stored batches.

#pragma once

#include "collector/store/database.h"
#include "collector/store/store.h"

namespace gnomon::store {

// rebuild_totals empties the families of totals and fills them again. The info key "rebuilding"
// stands until it is done. Nobody else may write meanwhile; readers see totals that grow.
Result<Ok, IoError> rebuild_totals(const StoreOptions& options, const Database& database);

// must_rebuild says whether the totals on disk are unfinished, of another format, or counted in
// the days of another zone.
Result<bool, IoError> must_rebuild(const StoreOptions& options, const Database& database);

}  // namespace gnomon::store
