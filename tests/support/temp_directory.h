// TempDirectory: a fresh folder per test, gone at its end.

#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/check.h"

namespace gnomon::testing {

// TempDirectory makes a folder under the system's temporary one and removes it with all it holds.
class TempDirectory {
 public:
  TempDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gnomon-XXXXXX").string();
    GNOMON_CHECK(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  ~TempDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace gnomon::testing
