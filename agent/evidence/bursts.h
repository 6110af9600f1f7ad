// Bursts: names that follow a leader within a short time belong to the page that led.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/evidence/model.h"
#include "agent/match/match.h"

namespace gnomon {

// LedBy says whose page load a contact belongs to.
enum class LedBy : std::uint8_t {
  itself,   // this contact opens the burst
  own,      // a host of the same tool, or of its family, opened it
  other,    // another site or tool opened it
  unclear,  // an embed opened it: the page behind reused a connection and was not seen
};

// Entry says from where a page load was opened, as far as it shows. Mail, chat and search pages
// lead to other pages by links and never carry them: what leads the next burst was opened by a
// person.
enum class Entry : std::uint8_t {
  unknown,
  message,  // mail or chat was open before, or a mail's click tracker led here
  search,   // a search engine was
};

// BurstView is the burst a contact falls into, as known when it came.
struct BurstView {
  LedBy led_by = LedBy::itself;
  std::uint32_t number = 0;  // counts the bursts of one user; never 0
  bool behind_site = false;  // public pages opened the burst, and this is another host of the tool
  bool behind_shared = false;  // ... of a host that the public pages share with the product
  bool repeat = false;         // the same host again within a second: a browser's second connection
  Entry entry = Entry::unknown;  // of the leader; only together with LedBy::itself
  // The tool whose page was opened last, where nobody opened one since and none leads this burst.
  std::optional<ToolIndex> after;
  // Set once a burst: other companies' files come that the page load before did not bring. Most
  // likely a page of `after` loads, over a connection that was still open.
  bool hidden_page = false;
  // The first burst of the run that this one ends in which one tool led and nothing else did.
  std::uint32_t run_begin = 0;
};

// Brings is what another company's file says of the page that loads it. Pages for the public carry
// advertising, tag managers and consent notices; the screens of a product carry error reports,
// product analytics, help and payment.
enum class Brings : std::uint8_t { nothing, outreach, inner };

// Company is what came beside a leader in its burst.
struct Company {
  std::uint32_t others = 0;    // distinct hosts beside it that are no embeds
  bool idp = false;            // an identity provider was among them
  std::uint32_t outreach = 0;  // distinct hosts, as in Brings
  std::uint32_t inner = 0;
  bool form_sign = false;  // a robot check or a provider's button: mostly a form
};

// Bursts follows the page loads of each user. What browsers and systems contact by themselves,
// identity providers, captchas and shared infrastructure never lead: they are company.
//
// Bounded: one small record a user, at most kMaxUsers; the longest silent goes first.
class Bursts {
 public:
  static constexpr std::size_t kMaxUsers = 64;
  static constexpr std::size_t kRemembered = 8;

  explicit Bursts(const Model& model) : model_(model) {}

  // add places one hello or HTTP request of `user`. `family` is the tool's family, if any;
  // `message`: the tool is made for mail or chat. DNS must not be added: a name is looked up long
  // before and for other reasons.
  BurstView add(const std::string& user, const Match& match, std::optional<ToolIndex> family,
                bool message = false, Brings brings = Brings::nothing);

  // set_model changes the times that end a burst; the running bursts and their numbers live on.
  void set_model(const Model& model) { model_ = model; }

  // company of a recent burst of `user`, the running one or one of the kRemembered before it; zero
  // when it is too long ago.
  Company company(const std::string& user, std::uint32_t number) const;

 private:
  struct Burst {
    std::uint32_t number = 0;
    WallTime begin;
    WallTime last;
    Meaning leader_meaning = Meaning::unknown;
    Role leader_role = Role::unknown;
    ToolIndex leader_tool = 0;
    std::optional<ToolIndex> leader_family;
    std::string leader_host;
    bool leader_shows_site = false;  // public pages, or a host that they share
    Company company;
    // Hashes of the hosts already counted as company; a page has many more, a leader needs few.
    std::vector<std::size_t> seen;
    std::vector<std::size_t> brought;  // hashes of the hosts counted as outreach or inner
    bool led = false;                  // false while only company has come
    bool search_first = false;         // a search engine was contacted before all else
    Entry entry = Entry::unknown;      // of the leader
    Entry shows = Entry::unknown;      // what the burst itself is, for the one that follows
    std::uint32_t run_begin = 0;
    // Of the last burst that was led or showed an entry; noise in between changes nothing.
    std::optional<ToolIndex> tool_before;
    Entry shown_before = Entry::unknown;
    WallTime shown_until;
    std::uint32_t run_before = 0;
    std::optional<ToolIndex> page_tool;     // whose page was opened last; none: another site's
    std::vector<std::size_t> page_brought;  // hashes of the embeds since then
    std::uint32_t new_embeds = 0;           // in this burst
    std::string newest_host;                // of the user's newest hello
    std::array<std::pair<std::uint32_t, Company>, kRemembered> before{};  // by number modulo
  };

  Burst& burst_of(const std::string& user, WallTime now);
  static BurstView place(Burst& burst, const Match& match, std::optional<ToolIndex> family,
                         bool message);
  static bool leads_by_files(const Burst& burst);
  static void count(Burst& burst, const Match& match, Brings brings);
  static bool brings_new(Burst& burst, const Match& match);
  static void lead(Burst& burst, const Match& match, std::optional<ToolIndex> family);

  Model model_;
  std::unordered_map<std::string, Burst> bursts_;
};

}  // namespace gnomon
