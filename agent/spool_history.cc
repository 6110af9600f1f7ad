#include "agent/spool_history.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "agent/spool/record.h"

namespace gnomon {
namespace {

constexpr std::size_t kMaxSegmentFile = std::size_t{256} << 20;

// opened yields the payload as it was before it was sealed; nullopt when no key opens it.
std::optional<std::string> opened(const SegmentHeader& header, const Record& record, Bytes payload,
                                  const RecordCipher* cipher) {
  if (!record.encrypted) {
    return std::string{text_of(payload)};
  }
  return cipher == nullptr ? std::nullopt : cipher->open(payload, context_of(header.epoch, record));
}

void read_segment(Bytes file, const RecordCipher* cipher, SpoolHistory& history) {
  const auto header = decode_segment_header(file);
  if (!header) {
    ++history.unreadable;
    return;
  }
  for (const FoundRecord& found : scan_segment(file, header->first_sequence).records) {
    const auto payload =
        found.payload_whole
            ? opened(*header, found.record, file.subspan(found.offset, found.length), cipher)
            : std::nullopt;
    if (!payload) {
      ++history.unreadable;
      continue;
    }
    const auto plain = wire::decompress(bytes_of(*payload), kMaxBatchBytes);
    auto batch = plain ? wire::decode_batch(bytes_of(*plain))
                       : Result<Batch, wire::WireError>{Failure{plain.error()}};
    if (!batch) {
      ++history.unreadable;
      continue;
    }
    history.batches.push_back({found.record.sequence, std::move(*batch)});
  }
}

}  // namespace

Result<SpoolHistory, IoError> read_spool(FileSystem& files, const std::string& directory,
                                         const RecordCipher* cipher) {
  SpoolHistory history;
  const auto there = files.exists(directory);
  if (!there) {
    return Failure{there.error()};
  }
  if (!*there) {
    return history;
  }
  const auto names = files.list(directory);
  if (!names) {
    return Failure{names.error()};
  }
  for (const std::string& name : *names) {
    if (!name.ends_with(".seg")) {
      continue;
    }
    std::string path = directory;
    path.append("/").append(name);
    const auto text = read_whole_file(files, path, kMaxSegmentFile);
    // A segment that the agent has removed since we looked is no longer kept: not an error.
    if (!text && text.error().code != std::errc::no_such_file_or_directory) {
      return Failure{text.error()};
    }
    if (text) {
      read_segment(bytes_of(*text), cipher, history);
    }
  }
  std::sort(history.batches.begin(), history.batches.end(),
            [](const ReportedBatch& a, const ReportedBatch& b) { return a.sequence < b.sequence; });
  return history;
}

}  // namespace gnomon
