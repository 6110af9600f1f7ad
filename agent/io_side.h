// IoSide: rooms 7 and 8 on a thread of their own: parcels into the spool, the spool to the
// collector.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/agent_rules.h"
#include "agent/config.h"
#include "agent/contact_queue.h"
#include "agent/data_folder.h"
#include "agent/in_force.h"
#include "agent/memory_file.h"
#include "agent/spool/spool.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/file.h"

namespace gnomon {

struct IoSideOptions {
  std::string mode;           // "run" or "replay", for `status`
  bool keep_memory = false;   // live: save each parcel's memory once its contacts are stored
  bool upload = true;         // false: fill the spool, speak to nobody
  bool take_packs = false;    // the collector may send newer rule packs and overlays
  bool take_policies = true;  // and newer policies
  bool patient = true;        // false: somebody waits for the end of it
  // Called first on the new thread; takes from it what it does not need, and yields a sentence
  // about it for `status`. May be empty.
  std::function<std::string()> confine;
  // What the agent leaves out right now, one sentence, empty when nothing. Called on the I/O
  // thread; may be absent.
  std::function<std::string()> strain;
  bool heartbeat_of_now = true;  // health speaks for the clock's time; false: for the contacts'
  // How often a patient side reports tokens of unknown domains. They leave together and not when a
  // page is opened: it saves bytes, and tells less.
  std::chrono::milliseconds report_unknowns_every{std::chrono::hours{1}};
};

// IoProgress is how far the thread has come.
struct IoProgress {
  std::uint64_t parcels = 0;    // taken off the queue and stored
  std::uint64_t waiting = 0;    // batches the collector has not acknowledged
  std::string trouble;          // why storing does not go on, one sentence; empty when it does
  std::string link_trouble;     // why sending does not go on
  bool unknowns_heard = false;  // the collector has said whether it wants tokens
};

// IoSide owns the spool and the thread. The queue, counters, clock, file system, memory file
// and cipher must outlive it. The methods are for the main thread, but for wake().
//
// A batch that cannot be stored is kept and tried again every second, nothing is taken off the
// queue meanwhile, and the trouble is said once: what is stored already is never touched by it.
class IoSide {
 public:
  struct Parts {
    FileSystem& files;
    const Clock& clock;
    Counters& counters;
    ContactQueue& queue;
    MemoryFile& memory_file;
    const RecordCipher* cipher = nullptr;  // for what lies beside the spool; null: in clear
  };

  // `memory` is what the memory file holds now. `rules` are those in use, and say what may replace
  // them.
  IoSide(Parts parts, const Config& config, IoSideOptions options, std::unique_ptr<Spool> spool,
         Memory memory, AgentRules rules);
  IoSide(const IoSide&) = delete;
  IoSide& operator=(const IoSide&) = delete;
  ~IoSide();

  // on_pack is called, on the I/O thread, with catalogue and overlay whenever the collector sent a
  // new one of either and it was verified and passed its self-test. Set before start().
  void on_pack(std::function<void(std::shared_ptr<const RulePack>)> take);

  // on_in_force likewise, when a new policy changes what is in force. in_force is what it is before
  // start().
  void on_in_force(std::function<void(const InForce&)> take);
  InForce in_force() const;

  void start();

  // wake says that parcels wait. From any thread.
  void wake();

  // progress as of now. wait_for_change returns when it has changed, or after `patience`.
  IoProgress progress() const;
  IoProgress wait_for_change(std::chrono::milliseconds patience);

  // report_unknowns spools the tokens of the ledger's domains that may leave now, and returns when
  // they are stored. A running agent does it by itself; this is for a replay's end.
  void report_unknowns(const std::vector<std::uint8_t>& ledger);

  // stop ends the conversation with the collector, closes the spool and joins the thread. `well`:
  // the agent was asked to end, and nothing that the collector sent is to blame for it.
  void stop(bool well = false);

 private:
  class Thread;
  std::unique_ptr<Thread> thread_;
};

}  // namespace gnomon
