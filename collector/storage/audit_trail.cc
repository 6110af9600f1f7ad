#include "collector/storage/audit_trail.h"

#include <array>
#include <charconv>
#include <cstdio>
#include <iterator>
#include <system_error>
#include <utility>

namespace gnomon {
namespace {

constexpr int kMaxTries = 16;

std::uint64_t number_of(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string hex_of(std::uint64_t number) {
  std::array<char, 24> text{};
  static_cast<void>(
      std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(number)));
  return text.data();
}

}  // namespace

AuditTrail::AuditTrail(MetaStore& store, std::string_view name)
    : store_(store),
      count_key_(std::string{name} + "/records"),
      record_prefix_(std::string{name} + "/record/") {}

Result<Ok, IoError> AuditTrail::add(const Make& make) {
  const std::lock_guard turn{adding_};
  for (int i = 0; i < kMaxTries; ++i) {
    const auto count = store_.get(count_key_);
    if (!count) {
      return Failure{count.error()};
    }
    const std::uint64_t number = number_of(count->value_or("0")) + 1;
    auto entry = make(number);
    if (!entry) {
      return Failure{entry.error()};
    }
    std::vector<MetaChange> changes{{count_key_, std::to_string(number)},
                                    {record_prefix_ + hex_of(number), std::move(entry->record)}};
    std::move(entry->changes.begin(), entry->changes.end(), std::back_inserter(changes));
    // The count guards all of it: whoever loses the race reads again and tries again.
    const auto saved = store_.compare_and_apply(count_key_, *count, changes);
    if (!saved) {
      return Failure{saved.error()};
    }
    if (*saved) {
      return Ok{};
    }
  }
  return Failure{IoError{"write", count_key_,
                         std::make_error_code(std::errc::resource_unavailable_try_again)}};
}

Result<Ok, IoError> AuditTrail::read(
    const std::function<void(std::string_view record)>& visit) const {
  return store_.scan(record_prefix_, [&](std::string_view, std::string_view value) {
    visit(value);
    return true;
  });
}

}  // namespace gnomon
