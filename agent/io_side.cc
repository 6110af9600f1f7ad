#include "agent/io_side.h"

#include <condition_variable>
#include <exception>
#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "agent/enrolment.h"
#include "agent/health.h"
#include "agent/memory_trim.h"
#include "agent/parcel_store.h"
#include "agent/process_stats.h"
#include "agent/pushes.h"
#include "agent/status_writer.h"
#include "agent/unknowns_desk.h"
#include "agent/uplink/uplink.h"
#include "core/log.h"
#include "core/net/repeating_timer.h"

namespace gnomon {

namespace asio = boost::asio;

namespace {

// How long after a batch could not be stored it is tried again.
constexpr std::chrono::seconds kRetryEvery{1};
constexpr std::chrono::seconds kStatusEvery{2};
// How often a replay that waits for the collector looks how far it is.
constexpr std::chrono::milliseconds kProgressEvery{50};
constexpr std::chrono::hours kMaintainEvery{1};
// The promise is 20 MB resident. What a burst has touched goes back before that, but not so often
// that giving back and fetching again becomes work of its own.
constexpr std::uint64_t kTrimAbove = std::uint64_t{18} << 20U;
constexpr std::chrono::seconds kTrimPause{10};

}  // namespace

// Thread is what lives on the I/O thread. Members below the mutex are shared with the main thread.
class IoSide::Thread {
 public:
  Thread(Parts parts, const Config& config, IoSideOptions options, std::unique_ptr<Spool> spool,
         Memory memory, AgentRules rules)
      : parts_(parts),
        options_(std::move(options)),
        folder_(config.data),
        spool_(std::move(spool)),
        pushes_(parts.files, parts.clock, config, std::move(rules)),
        store_({parts.queue, *spool_, parts.memory_file, pushes_, parts.clock, parts.counters},
               {options_.keep_memory, options_.heartbeat_of_now}, store_hooks(), std::move(memory)),
        status_({parts.files, parts.clock, parts.counters, pushes_}, folder_.status(),
                options_.mode),
        unknowns_(parts_.files, parts_.clock, config, parts_.cipher),
        retry_(context_),
        look_after_(context_, kStatusEvery, [this] { look_after(); }),
        maintain_(context_, kMaintainEvery, [this] { maintain(); }),
        // Acknowledgements come without a word to us.
        tell_progress_(context_, kProgressEvery, [this] { update_progress(); }),
        report_unknowns_(context_, options_.report_unknowns_every, [this] { spool_unknowns(); }) {
    unknowns_.take_ledger(store_.ledger());
    if (options_.upload) {
      uplink_ = std::make_unique<Uplink>(context_, parts_.files, *spool_, parts_.clock,
                                         parts_.counters, uplink_options(config), uplink_hooks());
    }
  }

  void on_pack(std::function<void(std::shared_ptr<const RulePack>)> take) {
    pushes_.on_pack(std::move(take));
  }

  void on_in_force(std::function<void(const InForce&)> take) { take_in_force_ = std::move(take); }

  const InForce& in_force() const { return pushes_.in_force(); }

  void start() {
    spool_->set_max_age(pushes_.in_force().spool_age);
    update_progress();
    look_after_.start();
    maintain_.start();
    (options_.patient ? report_unknowns_ : tell_progress_).start();
    if (uplink_) {
      uplink_->start();
    }
    drain();
    thread_ = std::thread{[this] { run(); }};
  }

  void wake() {
    asio::post(context_, [this] { drain(); });
  }

  IoProgress progress() const {
    const std::lock_guard lock{mutex_};
    return progress_;
  }

  IoProgress wait_for_change(std::chrono::milliseconds patience) {
    std::unique_lock lock{mutex_};
    const std::uint64_t before = changes_;
    changed_.wait_for(lock, patience, [&] { return changes_ != before; });
    return progress_;
  }

  void report_unknowns(const std::vector<std::uint8_t>& ledger) {
    std::promise<void> done;
    asio::post(context_, [&] {
      unknowns_.take_ledger(ledger);
      spool_unknowns();
      update_progress();
      done.set_value();
    });
    done.get_future().wait();
  }

  void stop(bool well) {
    if (thread_.joinable()) {
      asio::post(context_, [this, well] {
        // A handler that is queued already cannot be called back: it must not begin anew.
        stopping_ = true;
        drain();
        if (well) {
          pushes_.ended_well();
        }
        write_status();
        look_after_.stop();
        maintain_.stop();
        retry_.cancel();
        tell_progress_.stop();
        report_unknowns_.stop();
        work_.reset();
        if (uplink_) {
          uplink_->stop();
        }
      });
      thread_.join();
    }
    uplink_.reset();
    spool_.reset();
  }

 private:
  // run is the thread. The spool is closed on it: no other thread may touch its files by then.
  void run() {
    if (options_.confine) {
      status_.set_confinement(options_.confine());
    }
    write_status();
    context_.run();
    update_progress();
    uplink_.reset();
    spool_.reset();
  }

  // drain stores what waits, in order, until there is nothing or it cannot be stored.
  void drain() {
    if (!store_.drain()) {
      arm_retry();
    }
    update_progress();
  }

  void arm_retry() {
    if (stopping_) {
      return;
    }
    retry_.expires_after(kRetryEvery);
    retry_.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled) {
        drain();
      }
    });
  }

  UplinkOptions uplink_options(const Config& config) const {
    UplinkOptions uplink;
    uplink.addresses = collector_addresses(config);
    uplink.proxy = proxy_address(config);
    uplink.identity_directory = folder_.identity();
    uplink.sender_path = folder_.sender();
    uplink.machine_hash = machine_hash(parts_.files);
    if (options_.take_packs) {
      uplink.pack_path = folder_.pack();
      uplink.overlay_path = folder_.overlay();
    }
    if (options_.take_policies) {
      uplink.policy_path = folder_.policy();
    }
    // A replay is waited for: it does not sleep for minutes because the collector was restarted.
    uplink.max_backoff = options_.patient ? uplink.max_backoff : std::chrono::milliseconds{2000};
    uplink.first_backoff = options_.patient ? uplink.first_backoff : std::chrono::milliseconds{200};
    return uplink;
  }

  // What the uplink asks of the rest of the agent.
  UplinkHooks uplink_hooks() {
    UplinkHooks hooks;
    hooks.health = [this] {
      return health_of(parts_.counters, parts_.clock.wall(), pushes_.rules().version(), notes());
    };
    hooks.pack_version = [this] { return pushes_.rules().version(); };
    hooks.overlay_version = [this] { return pushes_.rules().overlay_version(); };
    hooks.policy_version = [this] { return pushes_.in_force().policy_version; };
    hooks.unknowns_policy = [this](const wire::UnknownsPolicy& policy) { take_policy(policy); };
    hooks.reveal = [this](const wire::RevealRequest& request) { return unknowns_.reveal(request); };
    hooks.verify = [this](wire::PushKind kind, const std::string& bytes) {
      return pushes_.verify(kind, bytes);
    };
    hooks.apply = [this](wire::PushKind kind, const std::string& path) {
      return pushes_.apply(kind, path);
    };
    pushes_.on_in_force([this](const InForce& in_force) { follow(in_force); });
    return hooks;
  }

  ParcelStore::Hooks store_hooks() {
    ParcelStore::Hooks hooks;
    hooks.notes = [this] { return notes(); };
    hooks.ledger = [this](const std::vector<std::uint8_t>& ledger) {
      unknowns_.take_ledger(ledger);
    };
    hooks.stored = [this] { tell_uplink(); };
    return hooks;
  }

  // tell_uplink says that the spool has something new.
  void tell_uplink() {
    if (uplink_) {
      uplink_->spooled();
    }
  }

  // follow takes a change of what is in force: here, and at the capture thread.
  void follow(const InForce& in_force) {
    spool_->set_max_age(in_force.spool_age);
    unknowns_.set_allowed(in_force.unknowns);
    if (take_in_force_) {
      take_in_force_(in_force);
    }
    write_status();
  }

  void take_policy(const wire::UnknownsPolicy& policy) {
    unknowns_.take_policy(policy);
    // A replay reports when it is through, with the ledger as it is then.
    if (options_.patient) {
      spool_unknowns();
    }
    update_progress();
  }

  void spool_unknowns() {
    unknowns_.report([this](std::vector<TokenReport> reports) {
      Batch batch;
      batch.unknowns = std::move(reports);
      stamp(batch, parts_.clock);
      // What does not let tokens be stored is told where contacts meet it.
      if (!spool_->append(batch)) {
        return false;
      }
      tell_uplink();
      return true;
    });
  }

  std::vector<std::string> notes() const {
    std::vector<std::string> notes = pushes_.notes();
    for (const std::string& note : {strain(), store_.trouble()}) {
      if (!note.empty()) {
        notes.push_back(note);
      }
    }
    return notes;
  }

  std::string strain() const { return options_.strain ? options_.strain() : std::string{}; }

  void update_progress() {
    {
      const std::lock_guard lock{mutex_};
      progress_.parcels = store_.stored();
      progress_.waiting = spool_->waiting();
      progress_.trouble = store_.trouble();
      progress_.link_trouble = uplink_ ? uplink_->status().reason : std::string{};
      progress_.unknowns_heard = unknowns_.heard();
      ++changes_;
    }
    changed_.notify_all();
  }

  // look_after does what is due every few seconds.
  void look_after() {
    pushes_.tick();
    trim_after_burst();
    write_status();
    update_progress();
  }

  void trim_after_burst() {
    const MonotonicTime now = parts_.clock.monotonic();
    if (now - trimmed_ >= kTrimPause && process_stats().resident_bytes > kTrimAbove) {
      trimmed_ = now;
      trim_memory();
    }
  }

  void write_status() {
    status_.write(*spool_, uplink_ ? &uplink_->status() : nullptr, strain(), store_.trouble());
  }

  void maintain() {
    if (const auto done = spool_->maintain(); !done) {
      log::warn("spool.not_maintained", {{"why", done.error().text()}});
    }
    trim_memory();
  }

  Parts parts_;
  IoSideOptions options_;
  DataFolder folder_;

  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  std::thread thread_;

  // The I/O thread's.
  std::unique_ptr<Spool> spool_;
  Pushes pushes_;
  ParcelStore store_;
  StatusWriter status_;
  UnknownsDesk unknowns_;
  std::function<void(const InForce&)> take_in_force_;
  std::unique_ptr<Uplink> uplink_;  // absent when nothing is to be sent
  bool stopping_ = false;
  MonotonicTime trimmed_{};  // when memory was last given back after a burst
  asio::steady_timer retry_;
  RepeatingTimer look_after_;
  RepeatingTimer maintain_;
  RepeatingTimer tell_progress_;
  RepeatingTimer report_unknowns_;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::condition_variable changed_;
  IoProgress progress_;
  std::uint64_t changes_ = 0;
};

IoSide::IoSide(Parts parts, const Config& config, IoSideOptions options,
               std::unique_ptr<Spool> spool, Memory memory, AgentRules rules)
    : thread_(std::make_unique<Thread>(parts, config, std::move(options), std::move(spool),
                                       std::move(memory), std::move(rules))) {}

IoSide::~IoSide() {
  stop();
}

void IoSide::on_pack(std::function<void(std::shared_ptr<const RulePack>)> take) {
  thread_->on_pack(std::move(take));
}
void IoSide::report_unknowns(const std::vector<std::uint8_t>& ledger) {
  thread_->report_unknowns(ledger);
}
void IoSide::on_in_force(std::function<void(const InForce&)> take) {
  thread_->on_in_force(std::move(take));
}
InForce IoSide::in_force() const {
  return thread_->in_force();
}
void IoSide::start() {
  thread_->start();
}
void IoSide::wake() {
  thread_->wake();
}
IoProgress IoSide::progress() const {
  return thread_->progress();
}
IoProgress IoSide::wait_for_change(std::chrono::milliseconds patience) {
  return thread_->wait_for_change(patience);
}
void IoSide::stop(bool well) {
  thread_->stop(well);
}

}  // namespace gnomon
