// Where the captures lie that are not part of the tree.

#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace gnomon::testing {

// captures_folder is $GNOMON_CAPTURES, or ../shared/captures beside the source tree.
inline std::filesystem::path captures_folder(const std::string& source_dir) {
  const char* named = std::getenv("GNOMON_CAPTURES");  // NOLINT(concurrency-mt-unsafe): tests only
  if (named != nullptr) {
    return named;
  }
  return std::filesystem::path{source_dir}.parent_path() / "shared" / "captures";
}

// capture_files lists every capture below `folder`, sorted; empty when there is no such folder.
inline std::vector<std::string> capture_files(const std::filesystem::path& folder) {
  std::vector<std::string> files;
  std::error_code none;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, none)) {
    const auto extension = entry.path().extension();
    if (extension == ".pcap" || extension == ".pcapng" || extension == ".cap") {
      files.push_back(entry.path().string());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace gnomon::testing
