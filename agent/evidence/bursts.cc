#include "agent/evidence/bursts.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

namespace gnomon {
namespace {

constexpr std::size_t kMaxCompany = 16;
constexpr std::size_t kMaxBrought = 64;
constexpr std::uint32_t kHiddenPageBrings = 2;  // one may be a beacon of a page that stays open
// People read a mail or a list of results for a while before they follow a link.
constexpr std::chrono::seconds kEntryHolds{600};

bool can_lead(const Match& match) {
  if (match.role == Role::link) {
    return false;  // a click passes through; the page it leads to is what was opened
  }
  switch (match.meaning) {
    case Meaning::unknown:
    case Meaning::denied:
    case Meaning::host_of_others:
    case Meaning::tunnel:
    case Meaning::tool:
    case Meaning::family:
      return true;
    default:
      return false;
  }
}

bool is_passive(Role role) {
  return role == Role::embed || role == Role::link;
}

// A company's own mail in the browser is in no catalogue; its first label says it.
bool is_webmail(const Match& match) {
  constexpr std::array<std::string_view, 6> kLabels{"mail",    "webmail",  "owa",
                                                    "outlook", "exchange", "roundcube"};
  const std::string_view host = match.sighting.host;
  return match.meaning == Meaning::unknown &&
         std::find(kLabels.begin(), kLabels.end(), host.substr(0, host.find('.'))) != kLabels.end();
}

bool is_search(std::string_view host) {
  constexpr std::array<std::string_view, 8> kEngines{
      "www.bing.com",     "duckduckgo.com", "www.ecosia.org",   "www.startpage.com",
      "search.brave.com", "www.qwant.com",  "search.yahoo.com", "yandex.com"};
  return host.starts_with("www.google.") ||
         std::find(kEngines.begin(), kEngines.end(), host) != kEngines.end();
}

}  // namespace

Bursts::Burst& Bursts::burst_of(const std::string& user, WallTime now) {
  if (bursts_.size() >= kMaxUsers && !bursts_.contains(user)) {
    const auto oldest = std::min_element(
        bursts_.begin(), bursts_.end(),
        [](const auto& a, const auto& b) { return a.second.last < b.second.last; });
    bursts_.erase(oldest);
  }
  Burst& burst = bursts_[user];
  const bool over = burst.number == 0 || now - burst.last > model_.burst_quiet ||
                    now - burst.begin > model_.burst_longest;
  if (over) {
    Burst next;
    next.before = burst.before;
    next.before.at(burst.number % kRemembered) = {burst.number, burst.company};
    next.number = burst.number + 1;
    next.begin = now;
    next.last = burst.last;
    next.newest_host = burst.newest_host;
    next.page_tool = burst.page_tool;
    next.page_brought = std::move(burst.page_brought);
    if (burst.led || burst.shows != Entry::unknown) {
      const bool by_tool = burst.led && burst.leader_meaning == Meaning::tool;
      next.tool_before = by_tool ? std::optional{burst.leader_tool} : std::nullopt;
      next.shown_before = burst.shows;
      next.shown_until = burst.last + kEntryHolds;
      next.run_before = burst.run_begin;
    } else {
      next.tool_before = burst.tool_before;
      next.shown_before = burst.shown_before;
      next.shown_until = burst.shown_until;
      next.run_before = burst.run_before;
    }
    burst = std::move(next);
  }
  return burst;
}

void Bursts::lead(Burst& burst, const Match& match, std::optional<ToolIndex> family) {
  const bool tool_or_family = match.meaning == Meaning::tool || match.meaning == Meaning::family;
  burst.led = true;
  burst.leader_meaning = match.meaning;
  burst.leader_role = match.role;
  burst.leader_tool = match.tool;
  burst.leader_family = tool_or_family ? family : std::nullopt;
  burst.leader_host = match.sighting.host;
  if (!is_passive(match.role) && match.role != Role::asset) {
    burst.page_tool = match.meaning == Meaning::tool ? std::optional{match.tool} : std::nullopt;
    burst.page_brought.clear();
  }
  burst.leader_shows_site = match.role == Role::site ||
                            (match.shared_with & (1U << static_cast<unsigned>(Role::site))) != 0;
  const bool again = match.meaning == Meaning::tool && burst.tool_before == match.tool;
  burst.run_begin = again ? burst.run_before : burst.number;
  if (burst.shows == Entry::message) {
    burst.entry = Entry::message;  // a click tracker in this very burst
  } else if (burst.shows == Entry::unknown && !again && match.sighting.when <= burst.shown_until) {
    burst.entry = burst.shown_before;
  }
  // A search engine in this very burst says nothing: nobody reads results that fast, and pages
  // carry its maps and robot checks. But when it came first of all, the page may be its own.
  burst.shows = burst.search_first ? Entry::search : Entry::unknown;
}

BurstView Bursts::add(const std::string& user, const Match& match, std::optional<ToolIndex> family,
                      bool message, Brings brings) {
  const WallTime when = match.sighting.when;
  Burst& burst = burst_of(user, when);
  const bool repeat =
      burst.newest_host == match.sighting.host && when - burst.last < std::chrono::seconds{1};
  burst.newest_host = match.sighting.host;
  burst.last = std::max(burst.last, when);
  BurstView view = place(burst, match, family, message);
  count(burst, match, brings);
  burst.company.form_sign =
      burst.company.form_sign || match.is(Meaning::captcha) || match.is(Meaning::idp);
  // Led by nothing, by what other pages carry too, or by the tool's own files: its page is hidden.
  const bool hidden = view.led_by == LedBy::unclear || leads_by_files(burst);
  view.after = hidden ? burst.page_tool : std::nullopt;
  view.hidden_page = brings_new(burst, match) && hidden;
  view.number = burst.number;
  view.repeat = repeat;
  return view;
}

void Bursts::count(Burst& burst, const Match& match, Brings brings) {
  const std::size_t hash = std::hash<std::string>{}(match.sighting.host);
  if (brings == Brings::nothing || burst.brought.size() >= kMaxCompany ||
      std::find(burst.brought.begin(), burst.brought.end(), hash) != burst.brought.end()) {
    return;
  }
  burst.brought.push_back(hash);
  burst.company.outreach += brings == Brings::outreach ? 1 : 0;
  burst.company.inner += brings == Brings::inner ? 1 : 0;
}

bool Bursts::leads_by_files(const Burst& burst) {
  return burst.led && burst.leader_meaning == Meaning::tool && burst.leader_role == Role::asset &&
         burst.page_tool == burst.leader_tool;
}

// brings_new notes what a page load brings of other companies, and tells whether enough of it is
// new to be another page.
bool Bursts::brings_new(Burst& burst, const Match& match) {
  const bool embed = match.meaning == Meaning::tool && match.role == Role::embed;
  const std::size_t hash = std::hash<std::string>{}(match.sighting.host);
  auto& brought = burst.page_brought;
  if (!embed || brought.size() >= kMaxBrought ||
      std::find(brought.begin(), brought.end(), hash) != brought.end()) {
    return false;
  }
  brought.push_back(hash);
  return ++burst.new_embeds == kHiddenPageBrings;
}

// place says whose page load the match belongs to, and lets it lead when nobody does yet.
BurstView Bursts::place(Burst& burst, const Match& match, std::optional<ToolIndex> family,
                        bool message) {
  const bool tool_or_family = match.meaning == Meaning::tool || match.meaning == Meaning::family;
  if (match.meaning == Meaning::family) {
    family = match.tool;
  }
  if (!burst.led && can_lead(match)) {
    lead(burst, match, family);
    if (is_webmail(match) || (message && !is_passive(match.role) && match.role != Role::asset)) {
      burst.shows = Entry::message;
    } else if (is_search(match.sighting.host)) {
      burst.shows = Entry::search;
    }
    BurstView view;
    view.led_by = is_passive(match.role) ? LedBy::unclear : LedBy::itself;
    view.entry = burst.entry;
    view.run_begin = burst.run_begin;
    return view;
  }
  if (!burst.led) {
    if (match.is(Meaning::mail_click) || match.role == Role::link) {
      burst.shows = Entry::message;
    } else if (burst.shows == Entry::unknown && is_search(match.sighting.host)) {
      burst.shows = Entry::search;
      burst.search_first = burst.begin == match.sighting.when;
    }
  }
  if (match.sighting.host != burst.leader_host && match.role != Role::embed &&
      burst.seen.size() < kMaxCompany) {
    const std::size_t hash = std::hash<std::string>{}(match.sighting.host);
    if (std::find(burst.seen.begin(), burst.seen.end(), hash) == burst.seen.end()) {
      burst.seen.push_back(hash);
      ++burst.company.others;
      burst.company.idp = burst.company.idp || match.meaning == Meaning::idp;
    }
  }
  BurstView view;
  view.run_begin = burst.run_begin;
  view.led_by = LedBy::unclear;
  if (!burst.led) {
    return view;
  }
  if (match.sighting.host == burst.leader_host) {
    if (!is_passive(burst.leader_role)) {
      view.led_by = LedBy::itself;
      view.entry = burst.entry;
    }
    return view;
  }
  const bool leader_is_tool =
      burst.leader_meaning == Meaning::tool || burst.leader_meaning == Meaning::family;
  if (leader_is_tool && is_passive(burst.leader_role)) {
    return view;
  }
  const bool same_tool = leader_is_tool && tool_or_family && burst.leader_tool == match.tool;
  const bool same_family = tool_or_family && family.has_value() && burst.leader_family == family;
  const bool own = same_tool || same_family;
  view.led_by = own ? LedBy::own : LedBy::other;
  view.behind_site = own && burst.leader_shows_site;
  view.behind_shared = view.behind_site && burst.leader_role != Role::site;
  return view;
}

Company Bursts::company(const std::string& user, std::uint32_t number) const {
  const auto found = bursts_.find(user);
  if (found == bursts_.end()) {
    return {};
  }
  const Burst& burst = found->second;
  if (burst.number == number) {
    return burst.company;
  }
  const auto& [known, company] = burst.before.at(number % kRemembered);
  return known == number ? company : Company{};
}

}  // namespace gnomon
