#include "collector/ingest/push_sender.h"

#include <algorithm>
#include <array>
#include <utility>

namespace gnomon {
namespace {

using std::chrono::steady_clock;

// Policies first: they are small, and may forbid what a rule pack would find.
constexpr std::array kOrder{wire::PushKind::policy, wire::PushKind::rule_pack,
                            wire::PushKind::overlay};

// Whoever takes no piece for so long does not use its turn.
constexpr std::chrono::seconds kIdleTurn{2};

}  // namespace

PushSender::PushSender(SessionWorld& world, Outbox& outbox, LiveAgent& about,
                       const boost::asio::any_io_executor& executor)
    : world_(world), outbox_(outbox), about_(about), watch_(executor) {}

void PushSender::begin(const wire::Hello& hello, std::function<void()> cut) {
  cut_ = std::move(cut);
  takes_zstd_ = hello.takes_zstd;
  part_ = hello.part;
  begun_ = true;
  outbox_.pull_from([this] { return pull(); });
  offer();
}

bool PushSender::wants(wire::PushKind kind) const {
  const PushOffer& offer = world_.offer_of(kind);
  return offer.plain != nullptr && offer.version > version_of(about_, kind) &&
         offer.version != refused_.at(static_cast<std::size_t>(kind)) &&
         world_.refused_pushes.wait_for(refusal_key(kind, offer.version), world_.clock.monotonic())
                 .count() == 0;
}

std::optional<wire::PushKind> PushSender::next_kind() const {
  const auto* const found =
      std::find_if(kOrder.begin(), kOrder.end(), [this](auto kind) { return wants(kind); });
  return found == kOrder.end() ? std::nullopt : std::optional{*found};
}

std::string PushSender::refusal_key(wire::PushKind kind, std::uint32_t version) const {
  return about_.agent + '/' + std::string{to_string(kind)} + '/' + std::to_string(version);
}

void PushSender::offer() {
  if (!begun_ || ticket_ || image_ != nullptr) {
    return;
  }
  if (const auto kind = next_kind()) {
    ticket_ = world_.pacer.wait(world_.offer_of(*kind).for_agent(takes_zstd_)->bytes(),
                                [this] { start(); });
  }
}

// start begins with what is newest now: while we waited something newer may have been offered.
void PushSender::start() {
  const auto kind = next_kind();
  if (!kind) {
    give_turn_back();
    return;
  }
  const PushOffer& offer = world_.offer_of(*kind);
  kind_ = *kind;
  version_ = offer.version;
  image_ = offer.for_agent(takes_zstd_);
  next_ = image_->first_missing(part_);
  seen_ = next_;
  part_.reset();
  if (next_ != 0) {
    world_.tally.pushes_resumed.add();
  }
  until_ = steady_clock::now() + world_.options.push_within;
  watch();
  outbox_.nudge();
}

SharedFrame PushSender::pull() {
  if (image_ == nullptr) {
    return nullptr;
  }
  if (next_ == image_->pieces()) {
    give_turn_back();  // all is written; what is left is the agent's word
    return nullptr;
  }
  const SharedFrame& piece = image_->piece(next_++);
  world_.tally.push_bytes.add(piece->size());
  return piece;
}

void PushSender::watch() {
  watch_.expires_at(std::min(until_, steady_clock::now() + kIdleTurn));
  watch_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || image_ == nullptr) {
      return;
    }
    if (steady_clock::now() >= until_) {
      world_.refuse("push-unread");
      const auto cut = cut_;
      stop();
      cut();
      return;
    }
    if (seen_ == next_) {
      give_turn_back();
    }
    seen_ = next_;
    watch();
  });
}

void PushSender::give_turn_back() {
  if (ticket_) {
    world_.pacer.leave(*ticket_);
    ticket_.reset();
  }
}

void PushSender::replied(const wire::PushReply& reply) {
  if (image_ == nullptr || reply.kind != kind_ || reply.version != version_) {
    return;
  }
  world_.counters
      .counter("ingest_pushes_total", "Rule packs and policies taken or refused by agents.",
               {{"kind", wire::to_string(kind_)}, {"applied", reply.applied ? "yes" : "no"}})
      .add();
  if (reply.applied) {
    version_of(about_, kind_) = version_;
  } else {
    refused_.at(static_cast<std::size_t>(kind_)) = version_;
    static_cast<void>(
        world_.refused_pushes.take(refusal_key(kind_, version_), world_.clock.monotonic()));
  }
  image_.reset();
  watch_.cancel();
  give_turn_back();
  offer();
}

void PushSender::stop() {
  begun_ = false;
  image_.reset();
  watch_.cancel();
  give_turn_back();
}

}  // namespace gnomon
