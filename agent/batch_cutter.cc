#include "agent/batch_cutter.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace gnomon {

void BatchCutter::on_contact(Contact contact) {
  if (!reasons_) {
    contact.evidence.clear();
  }
  if (waiting_.size() >= kMaxWaiting) {
    lost_from_ = lost_ == 0 ? contact.first : std::min(lost_from_, contact.first);
    lost_to_ = lost_ == 0 ? contact.last : std::max(lost_to_, contact.last);
    ++lost_;
    return;
  }
  waiting_.push_back(std::move(contact));
}

std::optional<Parcel> BatchCutter::cut(WallTime now) {
  if (waiting_.empty()) {
    return std::nullopt;
  }
  since_ = since_.value_or(now);
  if (waiting_.size() < kMaxContacts && now - *since_ < kPatience) {
    return std::nullopt;
  }
  return take();
}

std::optional<Parcel> BatchCutter::cut_all() {
  return waiting_.empty() ? std::nullopt : std::optional<Parcel>{take()};
}

Parcel BatchCutter::take() {
  Parcel parcel;
  const auto count =
      static_cast<std::ptrdiff_t>(std::min(waiting_.size(), std::size_t{kMaxContacts}));
  parcel.contacts.assign(std::make_move_iterator(waiting_.begin()),
                         std::make_move_iterator(waiting_.begin() + count));
  waiting_.erase(waiting_.begin(), waiting_.begin() + count);
  if (waiting_.empty()) {
    since_.reset();
  }
  parcel.lost = std::exchange(lost_, 0);
  parcel.lost_from = lost_from_;
  parcel.lost_to = lost_to_;
  return parcel;
}

void BatchCutter::put_back(Parcel parcel) {
  waiting_.insert(waiting_.begin(), std::make_move_iterator(parcel.contacts.begin()),
                  std::make_move_iterator(parcel.contacts.end()));
  if (parcel.lost > 0) {
    lost_from_ = lost_ == 0 ? parcel.lost_from : std::min(lost_from_, parcel.lost_from);
    lost_to_ = lost_ == 0 ? parcel.lost_to : std::max(lost_to_, parcel.lost_to);
    lost_ += parcel.lost;
  }
}

}  // namespace gnomon
