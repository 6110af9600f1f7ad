#include "agent/io_side.h"

#include <unistd.h>

#include <algorithm>
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
#include "agent/process_stats.h"
#include "agent/pushes.h"
#include "agent/status_file.h"
#include "agent/unknowns_desk.h"
#include "agent/uplink/uplink.h"
#include "core/check.h"
#include "core/log.h"

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
        started_(parts.clock.wall()),
        spool_(std::move(spool)),
        memory_(std::move(memory)),
        pushes_(parts.files, parts.clock, config, std::move(rules)),
        retry_(context_),
        status_(context_),
        maintain_(context_),
        progress_timer_(context_),
        unknowns_timer_(context_),
        unknowns_(parts_.files, parts_.clock, config, parts_.cipher) {
    unknowns_.take_ledger(memory_.ledger);
    if (options_.upload) {
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
      uplink.first_backoff =
          options_.patient ? uplink.first_backoff : std::chrono::milliseconds{200};
      uplink_ = std::make_unique<Uplink>(context_, parts_.files, *spool_, parts_.clock,
                                         parts_.counters, std::move(uplink), hooks());
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
    arm_status();
    arm_maintenance();
    if (options_.patient) {
      arm_unknowns();
    } else {
      arm_progress();
    }
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
        status_.cancel();
        maintain_.cancel();
        retry_.cancel();
        progress_timer_.cancel();
        unknowns_timer_.cancel();
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
      confinement_ = options_.confine();
    }
    write_status();
    context_.run();
    update_progress();
    uplink_.reset();
    spool_.reset();
  }

  // drain stores what waits, in order, until there is nothing or it cannot be stored.
  void drain() {
    while (hold_next()) {
      if (!store(*held_)) {
        arm_retry();
        break;
      }
      held_.reset();
      ++stored_;
      if (uplink_) {
        uplink_->spooled();
      }
    }
    update_progress();
  }

  bool hold_next() {
    if (!held_) {
      held_ = parts_.queue.take();
    }
    return held_.has_value();
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

  // What the uplink asks of the rest of the agent.
  UplinkHooks hooks() {
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
      batch.sealed = parts_.clock.wall();
      batch.sealed_monotonic_ns = parts_.clock.monotonic().time_since_epoch().count();
      // What does not let tokens be stored is told where contacts meet it.
      if (!spool_->append(batch)) {
        return false;
      }
      if (uplink_) {
        uplink_->spooled();
      }
      return true;
    });
  }

  bool store(Parcel& parcel) {
    if (!parcel.contacts.empty() || parcel.lost > 0 || parcel.seen_until) {
      Batch batch = batch_of(parcel);
      auto appended = spool_->append(batch);
      if (!appended && appended.error().fault == SpoolFault::invalid) {
        // One of them breaks a limit of the wire: it alone is given up, and declared.
        drop_unfit(batch);
        appended = spool_->append(batch);
      }
      if (!appended) {
        say_trouble("contacts cannot be stored, they are kept and tried again: " +
                    appended.error().text());
        return false;
      }
      parcel.contacts.clear();
      parcel.lost = 0;
      parcel.seen_until.reset();
    }
    if (!parcel.ledger.empty()) {
      unknowns_.take_ledger(parcel.ledger);
      memory_.ledger = std::move(parcel.ledger);
    }
    if (options_.keep_memory && !parcel.memory.empty()) {
      memory_.evidence = std::move(parcel.memory);
      if (const auto saved = parts_.memory_file.save(memory_); !saved) {
        // The contacts are safe; the next parcel brings a newer memory.
        say_trouble("the memory cannot be saved: " + saved.error().text());
        return true;
      }
    }
    say_trouble({});
    return true;
  }

  Batch batch_of(const Parcel& parcel) {
    Batch batch;
    batch.contacts = parcel.contacts;
    WallTime newest = parcel.seen_until.value_or(WallTime{});
    for (Contact& contact : batch.contacts) {
      pushes_.in_force().hold(contact);
      newest = std::max(newest, contact.last);
    }
    if (parcel.lost > 0) {
      Gap gap;
      gap.from = parcel.lost_from;
      gap.to = parcel.lost_to;
      gap.reason = "window-overflow";
      gap.contacts = parcel.lost;
      batch.gaps.push_back(std::move(gap));
    }
    batch.part = parcel.part;
    const WallTime now = parts_.clock.wall();
    batch.health = health_of(parts_.counters, options_.heartbeat_of_now ? now : newest,
                             pushes_.rules().version(), notes());
    batch.sealed = now;
    batch.sealed_monotonic_ns = parts_.clock.monotonic().time_since_epoch().count();
    return batch;
  }

  static void drop_unfit(Batch& batch) {
    Gap gap;
    gap.reason = "contact-unfit";
    std::vector<Contact> fit;
    for (Contact& contact : batch.contacts) {
      Batch alone;
      alone.contacts.push_back(contact);
      if (wire::fits(alone)) {
        fit.push_back(std::move(contact));
      } else {
        gap.from = gap.contacts == 0 ? contact.first : std::min(gap.from, contact.first);
        gap.to = gap.contacts == 0 ? contact.last : std::max(gap.to, contact.last);
        ++gap.contacts;
      }
    }
    batch.contacts = std::move(fit);
    batch.gaps.push_back(std::move(gap));
  }

  std::vector<std::string> notes() const {
    std::vector<std::string> notes = pushes_.notes();
    if (std::string strain = options_.strain ? options_.strain() : std::string{}; !strain.empty()) {
      notes.push_back(std::move(strain));
    }
    if (!trouble_.empty()) {
      notes.push_back(trouble_);
    }
    return notes;
  }

  // say_trouble logs a change of state once; an empty text is the end of trouble.
  void say_trouble(const std::string& text) {
    if (text == trouble_) {
      return;
    }
    if (text.empty()) {
      log::info("spool.recovered", {{"waiting", spool_->waiting()}});
    } else {
      log::error("spool.stopped", {{"why", text}});
    }
    trouble_ = text;
  }

  void update_progress() {
    {
      const std::lock_guard lock{mutex_};
      progress_.parcels = stored_;
      progress_.waiting = spool_->waiting();
      progress_.trouble = trouble_;
      progress_.link_trouble = uplink_ ? uplink_->status().reason : std::string{};
      progress_.unknowns_heard = unknowns_.heard();
      ++changes_;
    }
    changed_.notify_all();
  }

  void arm_status() {
    if (stopping_) {
      return;
    }
    status_.expires_after(kStatusEvery);
    status_.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled) {
        pushes_.tick();
        trim_after_burst();
        write_status();
        update_progress();
        arm_status();
      }
    });
  }

  void trim_after_burst() {
    const MonotonicTime now = parts_.clock.monotonic();
    if (now - trimmed_ >= kTrimPause && process_stats().resident_bytes > kTrimAbove) {
      trimmed_ = now;
      trim_memory();
    }
  }

  void write_status() {
    Status status;
    status.pid = static_cast<std::uint32_t>(::getpid());
    status.mode = options_.mode;
    status.started = started_;
    status.updated = parts_.clock.wall();
    status.pack_version = pushes_.rules().version();
    status.overlay_version = pushes_.rules().overlay_version();
    status.own_tools = static_cast<std::uint32_t>(pushes_.rules().own_tools());
    status.policy_version = pushes_.in_force().policy_version;
    status.last_sequence = spool_->last_sequence();
    status.acknowledged = spool_->acknowledged();
    status.spool_bytes = spool_->bytes();
    status.confinement = confinement_;
    status.strain = options_.strain ? options_.strain() : std::string{};
    status.trouble = trouble_;
    status.attributed = attributed_of(parts_.counters);
    if (uplink_) {
      const UplinkStatus& link = uplink_->status();
      status.connected = link.state == UplinkState::connected;
      if (status.connected) {
        last_contact_ = status.updated;
      }
      status.last_contact = last_contact_;
      status.clock_offset = link.clock_offset;
      if (status.trouble.empty()) {
        status.trouble = link.reason;
      }
    }
    // It only informs: a full disk is told of elsewhere.
    static_cast<void>(
        replace_file(parts_.files, folder_.status(), encode_status(status), Durable::no));
  }

  // Acknowledgements come without a word to us.
  void arm_progress() {
    if (stopping_) {
      return;
    }
    progress_timer_.expires_after(kProgressEvery);
    progress_timer_.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled) {
        update_progress();
        arm_progress();
      }
    });
  }

  void arm_maintenance() {
    if (stopping_) {
      return;
    }
    maintain_.expires_after(kMaintainEvery);
    maintain_.async_wait([this](const boost::system::error_code& cancelled) {
      if (cancelled) {
        return;
      }
      if (const auto done = spool_->maintain(); !done) {
        log::warn("spool.not_maintained", {{"why", done.error().text()}});
      }
      trim_memory();
      arm_maintenance();
    });
  }

  void arm_unknowns() {
    if (stopping_) {
      return;
    }
    unknowns_timer_.expires_after(options_.report_unknowns_every);
    unknowns_timer_.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled) {
        spool_unknowns();
        arm_unknowns();
      }
    });
  }

  Parts parts_;
  IoSideOptions options_;
  DataFolder folder_;
  WallTime started_;

  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  std::thread thread_;

  // The I/O thread's.
  std::unique_ptr<Spool> spool_;
  Memory memory_;
  Pushes pushes_;
  std::function<void(const InForce&)> take_in_force_;
  std::unique_ptr<Uplink> uplink_;  // absent when nothing is to be sent
  std::optional<WallTime> last_contact_;
  std::optional<Parcel> held_;  // could not be stored yet
  std::uint64_t stored_ = 0;
  std::string confinement_;
  bool stopping_ = false;
  std::string trouble_;
  asio::steady_timer retry_;
  asio::steady_timer status_;
  asio::steady_timer maintain_;
  MonotonicTime trimmed_{};  // when memory was last given back after a burst
  asio::steady_timer progress_timer_;
  asio::steady_timer unknowns_timer_;
  UnknownsDesk unknowns_;

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
