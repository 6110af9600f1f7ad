#include "tests/load/soak_agent.h"

#include <array>
#include <utility>

#include "core/check.h"

namespace gnomon::soak {
namespace {

// How long after a refusal the spool is tried again.
constexpr std::chrono::milliseconds kTryAgain{500};
// maintain() is for about once an hour; clocks jump by days here, so it must not wait for one.
constexpr std::uint64_t kMaintainEvery = 16;

constexpr std::array<const char*, 12> kTools{"trello", "asana",    "slack",  "notion",
                                             "figma",  "canva",    "miro",   "hubspot",
                                             "hotjar", "airtable", "zapier", "typeform"};

}  // namespace

SoakAgent::SoakAgent(SoakWorld& world, std::uint32_t number, const std::string& identity,
                     const std::string& spool, std::uint64_t next_batch, std::uint64_t seed)
    : world_(world),
      number_(number),
      identity_(identity),
      directory_(spool),
      next_batch_(next_batch),
      random_(seed),
      timer_(world.io) {}

void SoakAgent::start() {
  arm(std::chrono::milliseconds{random_() % 1000});
}

void SoakAgent::open() {
  SpoolOptions options;
  options.directory = directory_;
  options.max_bytes = world_.spool_bytes;
  options.segment_bytes = world_.segment_bytes;
  auto opened = Spool::open(world_.files, world_.clock, world_.counters, options);
  if (!opened) {
    GNOMON_CHECK(opened.error().fault == SpoolFault::io);
    return;
  }
  spool_ = *std::move(opened);
  UplinkOptions uplink;
  uplink.addresses = {world_.collector};
  uplink.identity_directory = identity_;
  // Twenty minutes stand for months: troubles come every few seconds, so waits are short too.
  uplink.first_backoff = std::chrono::milliseconds{200};
  uplink.max_backoff = std::chrono::milliseconds{5'000};
  uplink.connect_within = std::chrono::milliseconds{3'000};
  uplink.handshake_within = std::chrono::milliseconds{10'000};
  uplink.message_within = std::chrono::milliseconds{10'000};
  uplink_ = std::make_unique<Uplink>(world_.io, world_.files, *spool_, world_.clock,
                                     world_.counters, std::move(uplink), UplinkHooks{});
  uplink_->start();
}

void SoakAgent::arm(std::chrono::milliseconds after) {
  timer_.expires_after(after);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled && !stopped_) {
      tick();
    }
  });
}

void SoakAgent::tick() {
  if (!spool_) {
    open();
  }
  if (!spool_) {
    arm(kTryAgain);
    return;
  }
  if (++ticks_ % kMaintainEvery == 0) {
    // A full disk refuses this too; it is asked again.
    static_cast<void>(spool_->maintain().has_value());
  }
  if (!held_ && !finishing_) {
    held_ = make_batch();
  }
  if (!store()) {
    arm(kTryAgain);
    return;
  }
  std::exponential_distribution<double> wait{1.0 / static_cast<double>(world_.pace.count())};
  arm(std::chrono::milliseconds{1 + static_cast<std::int64_t>(wait(random_))});
}

Batch SoakAgent::make_batch() {
  Batch batch;
  const WallTime now = world_.clock.wall();
  const std::uint64_t number = next_batch_++;
  const auto count = static_cast<std::uint32_t>(1 + random_() % 5);
  for (std::uint32_t i = 0; i < count; ++i) {
    Contact contact;
    contact.tool = kTools.at(random_() % kTools.size());
    contact.tenant = to_string(ContactName{number_, number, i});
    contact.role = static_cast<Role>(1 + random_() % 11);
    contact.audience = Audience::user;
    contact.stage = static_cast<Stage>(1 + random_() % 7);
    contact.confidence = static_cast<std::uint16_t>(random_() % 1001);
    contact.window_begin = now - std::chrono::minutes{15};
    contact.window_end = now;
    contact.first = now - std::chrono::minutes{10};
    contact.last = now - std::chrono::minutes{1};
    contact.tls = static_cast<std::uint32_t>(1 + random_() % 9);
    contact.program = "firefox";
    if (random_() % 3 == 0) {
      contact.evidence.push_back(
          {contact.first, "opened the product's own screens", "app.example.com", Role::app});
    }
    batch.contacts.push_back(std::move(contact));
  }
  if (random_() % 4 == 0) {
    Health health;
    health.when = now;
    health.packets = ticks_ * 1000;
    health.hellos = ticks_ * 10;
    health.spool_bytes = spool_->bytes();
    batch.health = health;
  }
  batch.sealed = now;
  batch.sealed_monotonic_ns = world_.clock.monotonic().time_since_epoch().count();
  world_.oracle.intend(number_, number, count);
  return batch;
}

bool SoakAgent::store() {
  if (!held_) {
    return true;
  }
  const auto appended = spool_->append(*held_);
  if (!appended) {
    GNOMON_CHECK(appended.error().fault == SpoolFault::io ||
                 appended.error().fault == SpoolFault::full);
    return false;
  }
  const std::uint64_t batch = parse_contact_name(held_->contacts.front().tenant).batch;
  world_.oracle.promise(number_, batch, Promise{spool_->epoch(), *appended});
  held_.reset();
  uplink_->spooled();
  return true;
}

bool SoakAgent::is_drained() const {
  return spool_ && !held_ && spool_->waiting() == 0 &&
         uplink_->status().state == UplinkState::connected;
}

void SoakAgent::make_fresh() {
  held_ = make_batch();
  if (!store()) {
    arm(kTryAgain);
  }
}

void SoakAgent::stop() {
  stopped_ = true;
  timer_.cancel();
  if (uplink_) {
    uplink_->stop();
  }
}

}  // namespace gnomon::soak
