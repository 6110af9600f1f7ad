#include "agent/evidence/windows.h"

#include <algorithm>
#include <utility>

namespace gnomon {
namespace {

bool nobody_waits_for(Role role) {
  return role == Role::embed || role == Role::link || role == Role::asset || role == Role::idp;
}

void count(Contact& contact, Source source) {
  switch (source) {
    case Source::dns:
      ++contact.dns;
      return;
    case Source::tls:
      ++contact.tls;
      return;
    case Source::quic:
      ++contact.quic;
      return;
    case Source::http:
      ++contact.http;
      return;
  }
}

}  // namespace

Contact& Windows::add(const WindowKey& key, WallTime when, Source source) {
  WindowKey place_of = key;
  if (windows_.size() >= limits_.max_open && !windows_.contains(key)) {
    ++overflowed_;
    place_of = WindowKey{kOtherTool, {}, {}, {}, Role::unknown};
  }
  const auto [place, opened] = windows_.try_emplace(std::move(place_of));
  Window& window = place->second;
  Contact& contact = window.contact;
  if (opened) {
    contact.tool = place->first.tool;
    contact.tenant = place->first.tenant;
    contact.user = place->first.user;
    contact.program = place->first.program;
    contact.role = place->first.role;
    contact.window_begin = when;
    contact.first = when;
    contact.last = when;
    window.due = when + (nobody_waits_for(contact.role) ? limits_.passive_length : limits_.length);
    next_due_ = std::min(next_due_, window.due);
  }
  contact.window_begin = std::min(contact.window_begin, when);
  contact.first = std::min(contact.first, when);
  contact.last = std::max(contact.last, when);
  count(contact, source);
  return contact;
}

void Windows::hasten(const std::string& tool, const std::string& user, WallTime when) {
  // Keys begin with the tool, so its windows stand together.
  for (auto at = windows_.lower_bound(WindowKey{tool, {}, {}, {}, Role::unknown});
       at != windows_.end() && at->first.tool == tool; ++at) {
    if (at->first.user == user) {
      at->second.due = std::min(at->second.due, when + limits_.fresh_after);
      next_due_ = std::min(next_due_, at->second.due);
    }
  }
}

std::vector<Contact> Windows::take(const std::function<bool(const Window&)>& wanted) {
  std::vector<Contact> taken;
  next_due_ = WallTime::max();
  for (auto at = windows_.begin(); at != windows_.end();) {
    if (!wanted(at->second)) {
      next_due_ = std::min(next_due_, at->second.due);
      ++at;
      continue;
    }
    Contact& contact = at->second.contact;
    // The end is exclusive and never before the last sighting.
    contact.window_end = std::max(at->second.due, contact.last + std::chrono::nanoseconds{1});
    taken.push_back(std::move(contact));
    at = windows_.erase(at);
  }
  return taken;
}

std::vector<Contact> Windows::close(WallTime now) {
  return take([now](const Window& window) { return window.due <= now; });
}

std::vector<Contact> Windows::close_all() {
  return take([](const Window&) { return true; });
}

}  // namespace gnomon
