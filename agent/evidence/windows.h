// Windows: gathers sightings of one tool, role, tenant, user and program into contacts.

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "core/contact.h"

namespace gnomon {

// WindowKey is what sightings have in common that one contact sums up. Tools by id, not by index:
// a window may outlive the rule pack it began under.
struct WindowKey {
  std::string tool;
  std::string tenant;
  std::string user;
  std::string program;
  Role role = Role::unknown;

  bool operator==(const WindowKey&) const = default;
  // Spelled out: clang-tidy 14 takes the generated comparison for a misuse of zero.
  bool operator<(const WindowKey& other) const {
    return std::tie(tool, tenant, user, program, role) <
           std::tie(other.tool, other.tenant, other.user, other.program, other.role);
  }
};

struct WindowLimits {
  std::chrono::seconds length{900};           // of a window of a use
  std::chrono::seconds passive_length{3600};  // of embeds, files, links: nobody waits for them
  std::chrono::seconds fresh_after{3};        // news leaves this long after it was made
  std::size_t max_open = 4096;                // over it, the window of `other` takes the sighting
};

// kOtherTool takes what no window of its own could be opened for, so that sums stay right.
constexpr const char* kOtherTool = "other";

// Windows is driven by the sightings' own time alone, so that the same capture gives the same
// contacts. Order of what close() yields: by key.
class Windows {
 public:
  explicit Windows(WindowLimits limits) : limits_(limits) {}

  // add counts one sighting. Returns its window's contact, to be completed by the caller; good
  // until the next call of any method.
  Contact& add(const WindowKey& key, WallTime when, Source source);

  // set_length changes how long a window of a use is; open windows keep the time they were given.
  void set_length(std::chrono::seconds length) { limits_.length = length; }

  // hasten closes every open window of `tool` and `user` soon: there is news about them.
  void hasten(const std::string& tool, const std::string& user, WallTime when);

  // close takes out every window that is due at `now`.
  std::vector<Contact> close(WallTime now);

  // close_all takes out everything, due or not.
  std::vector<Contact> close_all();

  std::size_t open() const { return windows_.size(); }
  std::uint64_t overflowed() const { return overflowed_; }
  // next_due is when close() may have something; WallTime::max() when nothing is open.
  WallTime next_due() const { return next_due_; }

 private:
  struct Window {
    Contact contact;
    WallTime due;
  };

  std::vector<Contact> take(const std::function<bool(const Window&)>& wanted);

  WindowLimits limits_;
  std::map<WindowKey, Window> windows_;
  std::uint64_t overflowed_ = 0;
  WallTime next_due_ = WallTime::max();  // never later than the earliest due window
};

}  // namespace gnomon
