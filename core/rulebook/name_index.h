// The tables by which a reader of a pack finds names.

#pragma once

#include <vector>

#include "core/byte_writer.h"
#include "core/catalog/host_pattern.h"
#include "core/catalog/name_hash.h"
#include "core/rulebook/text_pool.h"

namespace gnomon {

// IndexOut is where the parts of an index go: sections of the pack's body, and its text.
struct IndexOut {
  ByteWriter& nodes;
  ByteWriter& entries;
  ByteWriter& slots;
  TextPool& text;
};

// write_index writes the tree of the fixed parts of patterns, which stand in the order of the
// pack's rules, and the table by which a reader enters it. At each node the rules keep that order.
void write_index(const std::vector<const HostPattern*>& patterns, const IndexOut& out);

// write_slots writes the table by which the reader finds things of these hashes (HashSlots).
void write_slots(const std::vector<NameHash>& hashes, ByteWriter& out);

}  // namespace gnomon
