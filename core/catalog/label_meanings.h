// LabelMeanings: what common labels mean below a product's own domain ("docs", "login", "cdn").

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/byte_reader.h"
#include "core/catalog/text_store.h"
#include "core/contact.h"

namespace gnomon {

// LabelMeanings is the table of one pack. A label is looked up as it stands, then without the
// digits at its end ("app2"), then by its first and its last part between hyphens ("api-eu",
// "eu1-login"), each without digits too: regions and numbers do not change what a host is for. A
// last part that means files goes before the first ("www-cdn").
class LabelMeanings {
 public:
  struct Found {
    std::string_view label;  // part of what was asked about
    Role role = Role::unknown;
    bool weak = false;  // means nothing below a domain of scripts
  };

  // decode reads `count` entries; false when one is wrong. `text` must outlive the table.
  bool decode(ByteReader& reader, std::uint32_t count, const TextStore& text);

  // find gives the meaning of the first label, from the left, that has one: what stands in front
  // says most ("docs.eu", "cdn.app"). Allocates nothing.
  std::optional<Found> find(std::string_view labels) const noexcept;

 private:
  struct Entry {
    TextRef label;
    Role role = Role::unknown;
    bool weak = false;
  };

  // Both give nullptr for what is not in the table.
  const Entry* entry_of_label(std::string_view label) const noexcept;
  const Entry* entry_of_word(std::string_view word) const noexcept;

  std::vector<Entry> entries_;                // sorted by label
  std::array<std::uint16_t, 257> by_char_{};  // places in entries_ by first character
  const TextStore* text_ = nullptr;           // set by decode
};

// usual_audience says who reaches a host of a role when the rule does not tell.
Audience usual_audience(Role role);

}  // namespace gnomon
