#include "core/catalog/label_meanings.h"

#include "core/catalog/pack_body.h"

namespace gnomon {
namespace {

// More entries than this would be no list of common labels.
constexpr std::uint32_t kMaxMeanings = 10'000;

std::string_view without_digits(std::string_view word) {
  while (!word.empty() && word.back() >= '0' && word.back() <= '9') {
    word.remove_suffix(1);
  }
  return word;
}

}  // namespace

Audience usual_audience(Role role) {
  switch (role) {
    case Role::signup:
    case Role::login:
    case Role::app:
    case Role::client:
    case Role::api:
      return Audience::user;
    default:
      return Audience::visitor;
  }
}

bool LabelMeanings::decode(ByteReader& reader, std::uint32_t count, const TextStore& text) {
  if (count > kMaxMeanings) {
    return false;
  }
  text_ = &text;
  bool ok = true;
  for (std::uint32_t i = 0; i < count; ++i) {
    Entry entry;
    entry.label = text.read(reader, ok);
    const std::uint8_t byte = reader.u8();
    const std::uint8_t role = byte & static_cast<std::uint8_t>(~kLabelWeak);
    if (!ok || entry.label.size == 0 || role == 0 || role > static_cast<std::uint8_t>(Role::idp) ||
        (!entries_.empty() && text.get(entries_.back().label) >= text.get(entry.label))) {
      return false;
    }
    entry.role = static_cast<Role>(role);
    entry.weak = (byte & kLabelWeak) != 0;
    entries_.push_back(entry);
  }
  for (std::size_t c = 0, i = 0; c < 256; ++c) {
    while (i < entries_.size() &&
           static_cast<unsigned char>(text.get(entries_[i].label).front()) <= c) {
      ++i;
    }
    by_char_[c + 1] = static_cast<std::uint16_t>(i);
  }
  return true;
}

std::optional<LabelMeanings::Found> LabelMeanings::find(std::string_view labels) const noexcept {
  while (!labels.empty()) {
    const std::size_t dot = labels.find('.');
    const std::string_view label = labels.substr(0, dot);
    if (const Entry* entry = entry_of_label(label); entry != nullptr) {
      return Found{label, entry->role, entry->weak};
    }
    if (dot == std::string_view::npos) {
      break;
    }
    labels.remove_prefix(dot + 1);
  }
  return std::nullopt;
}

const LabelMeanings::Entry* LabelMeanings::entry_of_label(std::string_view label) const noexcept {
  const Entry* whole = entry_of_word(label);
  const std::size_t hyphen = label.find('-');
  if (whole != nullptr || hyphen == std::string_view::npos) {
    return whole;
  }
  const Entry* first = entry_of_word(label.substr(0, hyphen));
  const Entry* last = entry_of_word(label.substr(label.rfind('-') + 1));
  // "accounts-static" and "www-cdn" are files, and "editor-api" is an API, whatever they are of.
  const bool telling = last != nullptr && (last->role == Role::asset || last->role == Role::api);
  return first == nullptr || telling ? last : first;
}

const LabelMeanings::Entry* LabelMeanings::entry_of_word(std::string_view word) const noexcept {
  if (word.empty()) {
    return nullptr;
  }
  const std::string_view plain = without_digits(word);
  const auto first = static_cast<unsigned char>(word.front());
  const Entry* found = nullptr;
  for (std::size_t i = by_char_[first]; i < by_char_[first + 1U]; ++i) {
    const std::string_view label = text_->get(entries_[i].label);
    if (label == word) {
      return &entries_[i];
    }
    if (label == plain) {
      found = &entries_[i];
    }
  }
  return found;
}

}  // namespace gnomon
