// gnomon-agent run: watches this machine until it is told to stop.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "agent/agent_error.h"
#include "agent/agent_rules.h"
#include "agent/attribute/attributor.h"
#include "agent/attribute/user_pseudonym.h"
#include "agent/budget.h"
#include "agent/capture_loop.h"
#include "agent/commands.h"
#include "agent/confinement.h"
#include "agent/data_folder.h"
#include "agent/enrolment.h"
#include "agent/io_side.h"
#include "agent/memory_file.h"
#include "agent/memory_trim.h"
#include "agent/privileges.h"
#include "agent/process_stats.h"
#include "agent/pushes.h"
#include "agent/rooms.h"
#include "agent/stop_signal.h"
#include "core/log.h"

namespace gnomon {
namespace {

constexpr std::size_t kQueueParcels = 64;
constexpr unsigned kLearningDays = 14;
constexpr std::chrono::seconds kBudgetEvery{5};
constexpr std::uint32_t kAskEvery = 16;  // packets between two looks at the clock

// Sanitizers keep a multiple of what the program itself does.
#ifdef __SANITIZE_ADDRESS__
constexpr std::uint64_t kBudgetScale = 32;
#else
constexpr std::uint64_t kBudgetScale = 1;
#endif

class Run {
 public:
  explicit Run(const Config& config)
      : config_(config), folder_(config.data), memory_file_(files_, folder_.memory()) {}

  int run() {
    require_enrolment(config_);
    lock_ = folder_.lock(files_);
    settle_trials(files_, folder_);
    rules_.emplace(AgentRules::open(config_));
    cipher_ = open_cipher(config_, files_);
    memory_file_.seal_with(cipher_.get());
    source_ = open_live(config_.interfaces, counters_);
    open_attribution();
    give_up_rights();
    auto spool = open_spool(config_, files_, clock_, counters_, cipher_.get());
    load_memory();

    IoSideOptions io_options;
    io_options.mode = "run";
    io_options.keep_memory = true;
    io_options.take_packs = true;
    io_options.strain = [this] { return strain_words(strain_.load()); };
    io_options.confine = io_cage(config_, attributor_ != nullptr, calls_fault_);
    IoSide io{{files_, clock_, counters_, queue_, memory_file_, cipher_.get()},
              config_,
              io_options,
              std::move(spool),
              memory_,
              *rules_};
    io.on_pack([this](std::shared_ptr<const RulePack> pack) { slots_.packs.put(std::move(pack)); });
    io.on_in_force([this](const InForce& in_force) { slots_.in_force.put(in_force); });

    BatchCutter cutter;
    CaptureSideOptions side_options;
    side_options.flow.seed = static_cast<std::uint64_t>(clock_.wall().time_since_epoch().count());
    side_options.attributor = attributor_.get();
    side_options.evidence = evidence_options(config_, kLearningDays);
    side_options.ledger = ledger_options(config_);
    side_options.evidence.user_name = [this](const Process& process) {
      return process.uid && pseudonyms_ ? pseudonyms_->of(*process.uid) : std::string{};
    };
    CaptureSide side{rules_->pack(), side_options, counters_, cutter};
    if (!memory_.evidence.empty() && !side.evidence().load(memory_.evidence)) {
      log::error("memory.not_read", {{"why", "written by a newer version; learning begins again"}});
    }

    if (!side.load_ledger(memory_.ledger) && !memory_.ledger.empty()) {
      log::error("unknowns.ledger_not_read", {{"now", "it begins anew"}});
    }
    side.follow(io.in_force());

    io.start();
    if (calls_fault_.empty()) {
      if (const auto confined = confine_capture(); !confined) {
        log::warn("agent.capture_not_confined", {{"why", confined.error().text()}});
      }
    }
    log::info("agent.started", {{"pack", rules_->version()},
                                {"overlay", rules_->overlay_version()},
                                {"tools", rules_->pack()->tool_count()}});
    LiveLoop loop{LoopParts{side, cutter, queue_, counters_, [&io] { io.wake(); },
                            [&] { return StopSignal::asked() || over_budget(side, cutter); }},
                  slots_, clock_};
    trim_memory();
    const auto ended = loop.run(*source_);
    queue_.close();
    const bool over = strain_ == Strain::over;
    io.stop(ended && !over);
    if (!ended) {
      throw AgentError{ended.error().text};
    }
    if (over) {
      throw AgentError{"resident memory passed memory-mb (" + std::to_string(config_.memory_mb) +
                       "); ended with everything stored, to be started afresh"};
    }
    log::info("agent.stopped");
    return kExitDone;
  }

 private:
  // Asked with every packet, so it looks at the clock seldom and at /proc more seldom.
  bool over_budget(CaptureSide& side, BatchCutter& cutter) {
    const MonotonicTime now = ++asked_ % kAskEvery == 0 ? clock_.monotonic() : budget_looked_at_;
    if (now - budget_looked_at_ < kBudgetEvery) {
      return strain_ == Strain::over;
    }
    budget_looked_at_ = now;
    const Strain strain = budget_.look(now, process_stats());
    if (strain != strain_) {
      strain_ = strain;
      side.bear(strain);
      cutter.set_reasons(strain < Strain::no_reasons);
      const std::string words = strain_words(strain);
      log::warn("agent.strained", {{"now", words.empty() ? "within its budget" : words}});
    }
    return strain == Strain::over;
  }

  void open_attribution() {
    if (!config_.collect_users && !config_.collect_programs) {
      return;
    }
    attributor_ = open_attributor(counters_, clock_);
    if (attributor_ != nullptr && config_.collect_users) {
      auto pseudonyms = UserPseudonym::open(files_, folder_.user_key());
      if (!pseudonyms) {
        throw AgentError{"the key for users' pseudonyms cannot be used: " +
                         pseudonyms.error().text()};
      }
      pseudonyms_ = std::move(*pseudonyms);
    }
  }

  // The sockets are open: from here on no right is left but that of naming programs. One socket
  // sees all interfaces, also those that come later.
  void give_up_rights() {
    if (const auto dropped = drop_privileges({false, attributor_ != nullptr}); !dropped) {
      throw AgentError{"rights cannot be given up: " + dropped.error().text()};
    }
    calls_fault_ = confine_or_say();
  }

  void load_memory() {
    auto memory = memory_file_.load();
    if (!memory) {
      log::error("memory.damaged",
                 {{"why", memory.error().text()}, {"now", "set aside; learning begins again"}});
      return;
    }
    memory_ = std::move(*memory);
    if (memory_.running) {
      log::warn("replay.abandoned", {{"why", "an interrupted replay was never finished"}});
      memory_.running.reset();
    }
  }

  const Config& config_;
  PosixFileSystem files_;
  SystemClock clock_;
  Counters counters_;
  ContactQueue queue_{kQueueParcels};
  LoopSlots slots_;
  DataFolder folder_;
  MemoryFile memory_file_;
  std::unique_ptr<FileLock> lock_;
  std::unique_ptr<RecordCipher> cipher_;
  std::optional<AgentRules> rules_;  // once opened
  std::string calls_fault_;          // why the process is not confined; empty: it is
  std::unique_ptr<PacketSource> source_;
  std::unique_ptr<Attributor> attributor_;
  std::optional<UserPseudonym> pseudonyms_;
  Memory memory_;
  std::uint32_t asked_ = 0;
  MonotonicTime budget_looked_at_{};
  Budget budget_{{kBudgetScale * (std::uint64_t{config_.memory_mb} << 20U), config_.cpu_percent}};
  std::atomic<Strain> strain_{Strain::none};  // the I/O thread reads it
};

}  // namespace

int run_command(const Config& config) {
  return Run{config}.run();
}

}  // namespace gnomon
