// gnomon-agent replay: captures, exactly once, to the collector.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "agent/agent_error.h"
#include "agent/agent_rules.h"
#include "agent/capture/file_packet_source.h"
#include "agent/capture_loop.h"
#include "agent/commands.h"
#include "agent/data_folder.h"
#include "agent/enrolment.h"
#include "agent/io_side.h"
#include "agent/memory_file.h"
#include "agent/privileges.h"
#include "agent/replay_plan.h"
#include "agent/rooms.h"
#include "agent/stop_signal.h"
#include "core/log.h"

namespace gnomon {
namespace {

constexpr std::size_t kQueueParcels = 64;
constexpr std::chrono::seconds kPolicyWithin{10};

void say(const std::string& text) {
  static_cast<void>(std::fprintf(stderr, "gnomon-agent: %s\n", text.c_str()));
}

// What the contacts depend on, beside the captures.
std::string terms_of(const Config& config, const ReplayOptions& options, const AgentRules& rules) {
  return "at=" + (options.at ? std::to_string(options.at->time_since_epoch().count()) : "") +
         " learning=" + std::to_string(config.learning_days.value_or(0)) +
         " window=" + std::to_string(config.window_minutes) +
         " pack=" + std::to_string(rules.version()) +
         (rules.overlay_version() == 0 ? ""
                                       : " overlay=" + std::to_string(rules.overlay_version())) +
         " ceiling=" + std::to_string(config.collect_users) +
         std::to_string(config.collect_programs) + std::to_string(config.collect_evidence) +
         " unknown-days=" + std::to_string(config.unknown_days);
}

// parts_held finds how many parts of the running replay the spool holds: the newest batch that
// says which part it is tells. A sequence that a kill left behind without a batch says nothing.
std::uint64_t parts_held(Spool& spool, const RunningReplay& running) {
  for (std::uint64_t at = spool.last_sequence(); at > running.base_sequence;) {
    const auto found = spool.next(at);
    if (!found || !*found) {
      --at;
      continue;
    }
    const SpooledBatch& held = **found;
    const auto plain = wire::decompress(bytes_of(held.payload), kMaxBatchBytes);
    const auto batch = plain ? wire::decode_batch(bytes_of(*plain))
                             : Result<Batch, wire::WireError>{Failure{plain.error()}};
    if (batch && batch->part > 0) {
      return batch->part;
    }
    at = std::min(held.first_sequence, at) - 1;
  }
  return 0;
}

class Replay {
 public:
  Replay(const Config& config, const ReplayOptions& options)
      : config_(config),
        options_(options),
        folder_(config.data),
        memory_file_(files_, folder_.memory()) {}

  int run() {
    for (const std::string& file : options_.files) {
      if (file == "-") {
        throw AgentError{"standard input cannot be replayed, for it cannot be read twice"};
      }
    }
    rules_.emplace(AgentRules::open(config_));
    plan();
    if (!options_.offline) {
      require_enrolment(config_);
    }
    lock_ = folder_.lock(files_);
    cipher_ = open_cipher(config_, files_);
    memory_file_.seal_with(cipher_.get());
    spool_ = open_spool(config_, files_, clock_, counters_, cipher_.get());
    load_memory();
    if (const auto dropped = drop_privileges({}); !dropped) {
      throw AgentError{"rights cannot be given up: " + dropped.error().text()};
    }
    calls_fault_ = confine_or_say();
    int status = kExitDone;
    const bool played_before = memory_.has_done(id_) && !options_.again && !resuming();
    if (played_before) {
      say("these captures were played before; nothing is played again (--again would)");
    }
    begin(played_before);
    if (!played_before) {
      status = play();
    }
    return deliver(status);
  }

 private:
  bool resuming() const { return memory_.running && memory_.running->id == id_; }

  void plan() {
    auto captures = plan_captures(options_.files);
    if (!captures) {
      throw AgentError{captures.error().text};
    }
    captures_ = std::move(*captures);
    const auto id = replay_id(captures_, terms_of(config_, options_, *rules_));
    if (!id) {
      throw AgentError{"a capture cannot be read: " + id.error().text()};
    }
    id_ = *id;
    if (options_.at && captures_.front().first) {
      shift_ = *options_.at - *captures_.front().first;
    }
  }

  void load_memory() {
    auto memory = memory_file_.load();
    if (!memory) {
      throw AgentError{"the memory of this agent is damaged and was set aside (" +
                       memory.error().text() + "); the same command starts with an empty one"};
    }
    memory_ = std::move(*memory);
    if (memory_.running && !resuming() && !options_.abandon) {
      throw AgentError{
          "another replay into " + folder_.path() +
          " was interrupted: give the same command as then to finish it, or --abandon to leave it "
          "as it is (also when the captures, the rules or the options have changed since)"};
    }
  }

  // begin settles where this replay starts, and starts the I/O thread.
  void begin(bool played_before) {
    if (!played_before) {
      if (resuming() && memory_.running->epoch == spool_->epoch()) {
        skip_ = parts_held(*spool_, *memory_.running);
        log::info("replay.resumed", {{"batches_held", skip_}});
      } else {
        std::erase(memory_.done, id_);
        memory_.running = RunningReplay{id_, spool_->epoch(), spool_->last_sequence()};
        save_memory();
      }
    }
    IoSideOptions io_options;
    io_options.mode = "replay";
    io_options.upload = !options_.offline;
    io_options.confine = io_cage(config_, false, calls_fault_);
    io_options.patient = false;
    io_options.heartbeat_of_now = false;
    io_ = std::make_unique<IoSide>(
        IoSide::Parts{files_, clock_, counters_, queue_, memory_file_, cipher_.get()}, config_,
        io_options, std::move(spool_), memory_, *rules_);
    io_->start();
  }

  int play() {
    BatchCutter cutter;
    CaptureSideOptions side_options;
    side_options.flow = FlowLimits::for_files();
    side_options.evidence = evidence_options(config_, 0);
    side_options.ledger = ledger_options(config_);
    CaptureSide side{rules_->pack(), side_options, counters_, cutter};
    if (!memory_.evidence.empty() && !side.evidence().load(memory_.evidence)) {
      throw AgentError{
          "the memory of this agent cannot be read; it was written by a newer version"};
    }
    if (!side.load_ledger(memory_.ledger) && !memory_.ledger.empty()) {
      throw AgentError{
          "the ledger of this agent cannot be read; it was written by a newer version"};
    }
    LoopParts parts{
        side, cutter, queue_, counters_, [this] { io_->wake(); }, [this] { return must_end(); }};
    ReplayLoop loop{parts, skip_, shift_};
    int status = kExitDone;
    for (const PlannedCapture& capture : captures_) {
      auto source = FilePacketSource::open(capture.path);
      const auto played =
          source ? loop.play(**source) : Result<bool, CaptureError>{Failure{source.error()}};
      if (!played) {
        // Verified to be a capture before: what it held up to the damage was played.
        say(played.error().text);
        status = kExitPartly;
      } else if (!*played) {
        throw_stopped();
      }
    }
    if (!loop.finish()) {
      throw_stopped();
    }
    wait_until_stored(loop.parts_put());
    memory_.evidence = side.evidence().save();
    memory_.ledger = side.ledger().encode();
    memory_.finish();
    save_memory();
    log::info("replay.finished", {{"batches", loop.parts_made()}, {"skipped", skip_}});
    return status;
  }

  bool must_end() {
    if (StopSignal::asked()) {
      return true;
    }
    const IoProgress progress = io_->progress();
    if (progress.trouble.empty()) {
      trouble_since_.reset();
      return false;
    }
    trouble_since_ = trouble_since_.value_or(clock_.monotonic());
    trouble_ = progress.trouble;
    return clock_.monotonic() - *trouble_since_ > options_.wait;
  }

  [[noreturn]] void throw_stopped() {
    const bool asked = StopSignal::asked();
    io_->stop();
    throw AgentError{asked ? std::string{"stopped; the same command goes on where this one was"}
                           : trouble_ +
                                 "; what is stored stays, and the same command goes on "
                                 "where this one was"};
  }

  void wait_until_stored(std::uint64_t parcels) {
    while (io_->progress().parcels < parcels) {
      io_->wait_for_change(std::chrono::milliseconds{100});
      if (must_end()) {
        throw_stopped();
      }
    }
  }

  // deliver waits until the collector has everything, as long as there is progress. Tokens of
  // unknown domains follow the contacts: by then the collector has said whether it wants them.
  int deliver(int status) {
    if (!options_.offline) {
      status = wait_until_sent(status);
      if (config_.report_unknowns && io_->progress().waiting == 0) {
        wait_for_policy();
        io_->report_unknowns(memory_.ledger);
        status = wait_until_sent(status);
      }
    }
    io_->stop();
    return status;
  }

  int wait_until_sent(int status) {
    std::uint64_t least = ~std::uint64_t{0};
    MonotonicTime since = clock_.monotonic();
    for (IoProgress progress = io_->progress(); progress.waiting > 0;
         progress = io_->wait_for_change(std::chrono::milliseconds{100})) {
      if (progress.waiting < least) {
        least = progress.waiting;
        since = clock_.monotonic();
      }
      const bool patience_over = clock_.monotonic() - since > options_.wait;
      if (StopSignal::asked() || patience_over) {
        say(std::to_string(progress.waiting) +
            " batches wait on this machine; they are sent when an agent runs with this folder" +
            (progress.link_trouble.empty() ? "" : " (" + progress.link_trouble + ")"));
        return kExitPartly;
      }
    }
    return status;
  }

  // A collector of an earlier version says nothing about unknown domains: it is not waited for
  // long.
  void wait_for_policy() {
    const MonotonicTime since = clock_.monotonic();
    while (!io_->progress().unknowns_heard && !StopSignal::asked() &&
           clock_.monotonic() - since <
               std::min<std::chrono::nanoseconds>(options_.wait, kPolicyWithin)) {
      io_->wait_for_change(std::chrono::milliseconds{100});
    }
  }

  void save_memory() {
    if (const auto saved = memory_file_.save(memory_); !saved) {
      throw AgentError{"the memory cannot be saved: " + saved.error().text()};
    }
  }

  const Config& config_;
  const ReplayOptions& options_;
  PosixFileSystem files_;
  SystemClock clock_;
  Counters counters_;
  ContactQueue queue_{kQueueParcels};
  DataFolder folder_;
  MemoryFile memory_file_;
  std::unique_ptr<FileLock> lock_;
  std::optional<AgentRules> rules_;  // once opened
  std::vector<PlannedCapture> captures_;
  ReplayId id_{};
  std::chrono::nanoseconds shift_{0};
  std::string calls_fault_;  // why the process is not confined; empty: it is
  std::unique_ptr<RecordCipher> cipher_;
  std::unique_ptr<Spool> spool_;  // until the I/O side takes it
  Memory memory_;
  std::uint64_t skip_ = 0;
  std::unique_ptr<IoSide> io_;
  std::optional<MonotonicTime> trouble_since_;
  std::string trouble_;
};

}  // namespace

int replay_command(const Config& config, const ReplayOptions& options) {
  return Replay{config, options}.run();
}

}  // namespace gnomon
