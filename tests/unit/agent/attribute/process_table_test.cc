#include "agent/attribute/process_table.h"

#include <filesystem>
#include <fstream>

#include "tests/support/catch.h"
#include "tests/support/temp_directory.h"

namespace gnomon {
namespace {

// A process table of files and links, as the kernel shows it.
class FakeProc {
 public:
  void add(const std::string& pid, const std::string& program, std::uint32_t inode) {
    const std::filesystem::path folder = std::filesystem::path{folder_.path()} / pid;
    std::filesystem::create_directories(folder / "fd");
    std::filesystem::create_symlink("/dev/null", folder / "fd/0");
    std::filesystem::create_symlink("socket:[" + std::to_string(inode) + "]", folder / "fd/3");
    if (!program.empty()) {
      std::filesystem::create_symlink(program, folder / "exe");
    }
    std::ofstream{folder / "comm"} << "Main Thread\n";
  }
  void remove(const std::string& pid) {
    std::filesystem::remove_all(std::filesystem::path{folder_.path()} / pid);
  }
  const std::string& path() const { return folder_.path(); }

 private:
  testing::TempDirectory folder_;
};

TEST_CASE("ProcessTable: the holder of a socket is named by its program file, without its path",
          "[agent][attribute]") {
  FakeProc proc;
  proc.add("12", "/usr/lib/firefox-esr/firefox-esr", 4711);
  proc.add("13", "/usr/bin/curl", 4712);
  ProcessTable table{proc.path()};

  const auto found = table.find(4711);
  REQUIRE(found);
  CHECK(found->pid == 12);
  CHECK(found->name == "firefox-esr");
  CHECK_FALSE(table.find(9999));
}

TEST_CASE("ProcessTable: the process found last is asked before all others", "[agent][attribute]") {
  FakeProc proc;
  proc.add("12", "/usr/bin/chromium", 1);
  ProcessTable table{proc.path()};
  REQUIRE(table.find(1));
  CHECK(table.scans() == 1);
  REQUIRE(table.find(1));
  CHECK(table.scans() == 1);

  proc.remove("12");
  proc.add("14", "/usr/bin/curl", 1);
  const auto found = table.find(1);
  REQUIRE(found);
  CHECK(found->name == "curl");
  CHECK(table.scans() == 2);
}

TEST_CASE("ProcessTable: a program that was replaced while running keeps its name",
          "[agent][attribute]") {
  FakeProc proc;
  proc.add("12", "/usr/bin/slack (deleted)", 1);
  ProcessTable table{proc.path()};
  REQUIRE(table.find(1));
  CHECK(table.find(1)->name == "slack");
}

TEST_CASE("ProcessTable: where the program file is hidden, the process's own name serves",
          "[agent][attribute]") {
  FakeProc proc;
  proc.add("12", "", 1);
  ProcessTable table{proc.path()};
  REQUIRE(table.find(1));
  CHECK(table.find(1)->name == "Main Thread");
}

}  // namespace
}  // namespace gnomon
