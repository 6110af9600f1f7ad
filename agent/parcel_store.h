// ParcelStore: parcels off the queue, into the spool and the memory file.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "agent/contact_queue.h"
#include "agent/memory_file.h"
#include "agent/pushes.h"
#include "agent/spool/spool.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/wire/batch.h"

namespace gnomon {

// ParcelStore stores parcels in the order they came. One that cannot be stored is kept, nothing is
// taken off the queue meanwhile, and the trouble is logged once. A contact that breaks a limit of
// the wire is given up alone and declared as a gap.
//
// All it is given must outlive it. I/O thread only.
class ParcelStore {
 public:
  struct Parts {
    ContactQueue& queue;
    Spool& spool;
    MemoryFile& memory_file;
    const Pushes& pushes;  // which rules are in use and what is in force
    const Clock& clock;
    const Counters& counters;
  };
  struct Options {
    bool keep_memory = false;      // save each parcel's memory once its contacts are stored
    bool heartbeat_of_now = true;  // health speaks for the clock's time; false: for the contacts'
  };
  // Hooks are what else a parcel touches. None may be empty.
  struct Hooks {
    std::function<std::vector<std::string>()> notes;  // for the health of a batch
    std::function<void(const std::vector<std::uint8_t>& ledger)> ledger;  // a newer one has come
    std::function<void()> stored;                                         // one more parcel
  };

  // `memory` is what the memory file holds now.
  ParcelStore(Parts parts, Options options, Hooks hooks, Memory memory);

  // drain stores what waits; false when something cannot be stored: try again later.
  bool drain();

  std::uint64_t stored() const { return stored_; }         // parcels
  const std::string& trouble() const { return trouble_; }  // one sentence; empty when all is well
  const std::vector<std::uint8_t>& ledger() const { return memory_.ledger; }  // the newest

 private:
  bool store(Parcel& parcel);
  bool store_contacts(Parcel& parcel);
  Batch batch_of(const Parcel& parcel) const;
  void say_trouble(const std::string& text);

  Parts parts_;
  Options options_;
  Hooks hooks_;
  Memory memory_;
  std::optional<Parcel> held_;  // could not be stored yet
  std::uint64_t stored_ = 0;
  std::string trouble_;
};

}  // namespace gnomon
