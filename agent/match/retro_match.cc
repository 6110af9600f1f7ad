#include "agent/match/retro_match.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

namespace gnomon {
namespace {

bool is_never_a_use(Role role) {
  return role == Role::unknown || role == Role::embed || role == Role::link ||
         role == Role::asset || role == Role::idp;
}

// Low confidence is never used alone, and here there is no company.
Stage stage_of(const Learnt& learnt) {
  if (is_never_a_use(learnt.role) || learnt.manner == Manner::carried) {
    return Stage::embedded;
  }
  return learnt.manner == Manner::opened && learnt.confidence != RuleConfidence::low
             ? Stage::visited
             : Stage::mentioned;
}

// In thousandths. A little below what the evidence room gives to what it saw itself (0.8 to 0.9 of
// the rule's trust): a page that was opened once, long ago, cannot be looked at again.
std::uint16_t confidence_of(const Learnt& learnt) {
  switch (learnt.confidence) {
    case RuleConfidence::high:
      return 700;
    case RuleConfidence::medium:
      return 550;
    case RuleConfidence::low:
      break;
  }
  return 350;
}

std::string day_text(WallTime when) {
  const std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(when)};
  std::array<char, 16> text{};
  static_cast<void>(std::snprintf(text.data(), text.size(), "%04d-%02u-%02u",
                                  static_cast<int>(day.year()), static_cast<unsigned>(day.month()),
                                  static_cast<unsigned>(day.day())));
  return text.data();
}

Contact contact_at(const Learnt& learnt, WallTime when, std::string what,
                   std::uint32_t pack_version) {
  Contact contact;
  contact.tool = learnt.tool;
  contact.role = learnt.role;
  contact.audience = learnt.audience;
  contact.stage = stage_of(learnt);
  contact.confidence = confidence_of(learnt);
  contact.window_begin = when;
  contact.window_end = when + std::chrono::seconds{1};
  contact.first = when;
  contact.last = when;
  contact.pack_version = pack_version;
  contact.evidence.push_back({when, std::move(what), "", learnt.role});
  return contact;
}

}  // namespace

std::vector<Contact> retro_contacts(const std::vector<Learnt>& learnt, std::uint32_t pack_version) {
  std::vector<Contact> contacts;
  for (const Learnt& one : learnt) {
    const std::string first = day_text(one.first);
    contacts.push_back(contact_at(one, one.first,
                                  "first met on " + first +
                                      ", before the catalogue knew it: recovered from this "
                                      "machine's own ledger",
                                  pack_version));
    if (day_text(one.last) != first) {
      contacts.push_back(contact_at(one, one.last,
                                    "met again up to " + day_text(one.last) +
                                        ", before the catalogue knew it: recovered from this "
                                        "machine's own ledger",
                                    pack_version));
    }
  }
  return contacts;
}

}  // namespace gnomon
