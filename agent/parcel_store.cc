#include "agent/parcel_store.h"

#include <algorithm>
#include <utility>

#include "agent/health.h"
#include "core/log.h"

namespace gnomon {
namespace {

// drop_unfit gives up the contacts that break a limit of the wire, and declares them.
void drop_unfit(Batch& batch) {
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

}  // namespace

ParcelStore::ParcelStore(Parts parts, Options options, Hooks hooks, Memory memory)
    : parts_(parts), options_(options), hooks_(std::move(hooks)), memory_(std::move(memory)) {}

bool ParcelStore::drain() {
  for (;;) {
    if (!held_) {
      held_ = parts_.queue.take();
    }
    if (!held_) {
      return true;
    }
    if (!store(*held_)) {
      return false;
    }
    held_.reset();
    ++stored_;
    hooks_.stored();
  }
}

bool ParcelStore::store(Parcel& parcel) {
  if (!store_contacts(parcel)) {
    return false;
  }
  if (!parcel.ledger.empty()) {
    hooks_.ledger(parcel.ledger);
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

bool ParcelStore::store_contacts(Parcel& parcel) {
  if (parcel.contacts.empty() && parcel.lost == 0 && !parcel.seen_until) {
    return true;
  }
  Batch batch = batch_of(parcel);
  auto appended = parts_.spool.append(batch);
  if (!appended && appended.error().fault == SpoolFault::invalid) {
    // One of them breaks a limit of the wire: it alone is given up, and declared.
    drop_unfit(batch);
    appended = parts_.spool.append(batch);
  }
  if (!appended) {
    say_trouble("contacts cannot be stored, they are kept and tried again: " +
                appended.error().text());
    return false;
  }
  parcel.contacts.clear();
  parcel.lost = 0;
  parcel.seen_until.reset();
  return true;
}

Batch ParcelStore::batch_of(const Parcel& parcel) const {
  Batch batch;
  batch.contacts = parcel.contacts;
  WallTime newest = parcel.seen_until.value_or(WallTime{});
  for (Contact& contact : batch.contacts) {
    parts_.pushes.in_force().hold(contact);
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
  stamp(batch, parts_.clock);
  batch.health = health_of(parts_.counters, options_.heartbeat_of_now ? batch.sealed : newest,
                           parts_.pushes.rules().version(), hooks_.notes());
  return batch;
}

// say_trouble logs a change of state once; an empty text is the end of trouble.
void ParcelStore::say_trouble(const std::string& text) {
  if (text == trouble_) {
    return;
  }
  if (text.empty()) {
    log::info("spool.recovered", {{"waiting", parts_.spool.waiting()}});
  } else {
    log::error("spool.stopped", {{"why", text}});
  }
  trouble_ = text;
}

}  // namespace gnomon
