// Names of the spool's files, and the words in its small ones (FORMAT.md).

#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace gnomon {

// SegmentName is "<epoch>-<first sequence>.seg", both as 16 hexadecimal digits: names sort by
// epoch, then by first sequence.
struct SegmentName {
  std::uint64_t epoch = 0;
  std::uint64_t first = 0;
};

std::string to_string(const SegmentName& name);

// parse_segment_name yields nullopt for what is no name of a segment.
std::optional<SegmentName> parse_segment_name(std::string_view name);

// checked_words is the content of a small file: hexadecimal words and their checksum.
// parse_checked_words yields none when anything was changed.
std::string checked_words(std::initializer_list<std::uint64_t> words);
std::vector<std::uint64_t> parse_checked_words(std::string_view text);

}  // namespace gnomon
