#include "agent/attribute/process_table.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/support/catch.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_directory.h"

namespace gnomon {
namespace {

const std::uint32_t kMe = ::getuid();

// A process table of files and links, as the kernel shows it.
class FakeProc {
 public:
  // add makes a process that holds /dev/null and a socket.
  void add(const std::string& pid, const std::string& program, std::uint32_t inode) {
    const std::filesystem::path folder = std::filesystem::path{folder_.path()} / pid;
    std::filesystem::create_directories(folder / "fd");
    std::filesystem::create_symlink("/dev/null", folder / "fd/0");
    open(pid, "3", inode);
    if (!program.empty()) {
      std::filesystem::create_symlink(program, folder / "exe");
    }
    std::ofstream{folder / "comm"} << "Main Thread\n";
  }
  void open(const std::string& pid, const std::string& descriptor, std::uint32_t inode) {
    const auto link = std::filesystem::path{folder_.path()} / pid / "fd" / descriptor;
    std::filesystem::remove(link);
    std::filesystem::create_symlink("socket:[" + std::to_string(inode) + "]", link);
  }
  void remove(const std::string& pid) {
    std::filesystem::remove_all(std::filesystem::path{folder_.path()} / pid);
  }
  // give_number tells which number the kernel gave last.
  void give_number(std::uint32_t pid) {
    std::ofstream{folder_.path() + "/loadavg"} << "0.20 0.18 0.12 1/80 " << pid << "\n";
  }
  const std::string& path() const { return folder_.path(); }

 private:
  testing::TempDirectory folder_;
};

// Table is one under test, with what it counts.
struct Table {
  explicit Table(const FakeProc& proc, ProcessTable::Limits limits = {})
      : table(limits, clock, counters, proc.path()) {}

  std::string name_of(std::uint32_t inode, std::uint32_t uid = kMe) {
    const auto found = table.find(inode, uid);
    return found ? found->name : "";
  }
  std::int64_t found_by(const std::string& way) const {
    return counters.value("attribute_found_total{by=\"" + way + "\"}");
  }
  std::int64_t effort() const { return counters.value("attribute_effort_total"); }

  testing::ManualClock clock;
  Counters counters;
  ProcessTable table;
};

TEST_CASE("ProcessTable: the holder of a socket is named by its program file, without its path",
          "[agent][attribute]") {
  FakeProc proc;
  proc.add("12", "/usr/lib/firefox-esr/firefox-esr", 4711);
  proc.add("13", "/usr/bin/curl", 4712);
  Table table{proc};

  const auto found = table.table.find(4711, kMe);
  REQUIRE(found);
  CHECK(found->pid == 12);
  CHECK(found->name == "firefox-esr");
  CHECK(table.name_of(9999).empty());
}

TEST_CASE("ProcessTable: sockets met on the way are not looked for again", "[agent][attribute]") {
  FakeProc proc;
  proc.add("12", "/usr/bin/chromium", 100);
  proc.open("12", "4", 101);
  Table table{proc};
  REQUIRE(table.name_of(100) == "chromium");
  const std::int64_t effort = table.effort();
  CHECK(table.name_of(101) == "chromium");
  CHECK(table.found_by("memory") == 1);
  CHECK(table.effort() - effort == 2);  // for the name
}

TEST_CASE(
    "ProcessTable: what was met under a number that came to another program is that program's",
    "[agent][attribute]") {
  FakeProc proc;
  proc.add("12", "/usr/bin/curl", 100);
  proc.add("13", "/usr/bin/chromium", 150);
  Table table{proc};
  REQUIRE(table.name_of(100) == "curl");
  proc.remove("12");
  proc.add("12", "/usr/bin/firefox", 200);
  // Firefox's socket is met while another one is looked for.
  CHECK(table.name_of(150) == "chromium");
  CHECK(table.name_of(200) == "firefox");
}

TEST_CASE("ProcessTable: a process that spoke before is looked into before all others",
          "[agent][attribute]") {
  FakeProc proc;
  proc.add("12", "/usr/bin/chromium", 100);
  proc.add("13", "/usr/bin/other", 50);
  Table table{proc};
  REQUIRE(table.name_of(100) == "chromium");
  CHECK(table.found_by("walk") == 1);
  proc.open("12", "9", 200);
  CHECK(table.name_of(200) == "chromium");
  CHECK(table.found_by("holder") == 1);
  CHECK(table.found_by("walk") == 1);
}

TEST_CASE("ProcessTable: descriptors that changed lately are tried before the whole list",
          "[agent][attribute]") {
  FakeProc proc;
  proc.add("12", "/usr/bin/chromium", 100);
  for (std::uint32_t i = 0; i < 200; ++i) {
    proc.open("12", std::to_string(10 + i), 1000 + i);
  }
  Table table{proc};
  REQUIRE(table.name_of(100) == "chromium");
  proc.open("12", "150", 3000);
  REQUIRE(table.name_of(3000) == "chromium");
  const std::int64_t effort = table.effort();

  // The same descriptor again, and the ones behind it.
  proc.open("12", "150", 3001);
  CHECK(table.name_of(3001) == "chromium");
  proc.open("12", "151", 3002);
  CHECK(table.name_of(3002) == "chromium");
  CHECK(table.effort() - effort < 40);
}

TEST_CASE("ProcessTable: a program that just began is found without a look at the others",
          "[agent][attribute]") {
  FakeProc proc;
  for (int pid = 1; pid <= 50; ++pid) {
    proc.add(std::to_string(pid), "/usr/bin/daemon", static_cast<std::uint32_t>(5000 + pid));
  }
  proc.give_number(50);
  Table table{proc};
  proc.add("77", "/usr/bin/curl", 200);
  proc.give_number(78);  // a thread of it
  CHECK(table.name_of(200) == "curl");
  CHECK(table.found_by("newborn") == 1);
  CHECK(table.effort() < 20);
}

TEST_CASE("ProcessTable: a program is met too when process numbers begin again",
          "[agent][attribute]") {
  FakeProc proc;
  proc.add("32000", "/usr/bin/shell", 1);
  proc.give_number(32767);
  Table table{proc};
  proc.add("301", "/usr/bin/curl", 200);
  proc.give_number(301);
  CHECK(table.name_of(200) == "curl");
  CHECK(table.found_by("newborn") == 1);
  proc.add("302", "/usr/bin/wget", 201);
  proc.give_number(302);
  CHECK(table.name_of(201) == "wget");
  CHECK(table.found_by("newborn") == 2);
}

TEST_CASE("ProcessTable: a young program that speaks late is found without a look at the others",
          "[agent][attribute]") {
  FakeProc proc;
  proc.add("10", "/usr/bin/daemon", 100);
  proc.give_number(10);
  Table table{proc};
  proc.add("20", "/usr/bin/script", 150);
  proc.give_number(20);
  REQUIRE(table.name_of(100) == "daemon");
  table.clock.advance(std::chrono::seconds{3});
  proc.open("20", "5", 300);
  CHECK(table.name_of(300) == "script");
  CHECK(table.found_by("young") == 1);
}

TEST_CASE("ProcessTable: a number that came to another program names that program",
          "[agent][attribute]") {
  FakeProc proc;
  proc.add("12", "/usr/bin/chromium", 1);
  Table table{proc};
  REQUIRE(table.name_of(1) == "chromium");
  proc.remove("12");
  proc.add("12", "/usr/bin/curl", 2);
  CHECK(table.name_of(2) == "curl");
  proc.remove("12");
  proc.add("14", "/usr/bin/wget", 3);
  CHECK(table.name_of(3) == "wget");
}

TEST_CASE("ProcessTable: a socket that nobody holds is not looked for again at once",
          "[agent][attribute]") {
  FakeProc proc;
  proc.add("12", "/usr/bin/chromium", 1);
  Table table{proc};
  CHECK(table.name_of(9).empty());
  table.clock.advance(std::chrono::seconds{1});
  const std::int64_t effort = table.effort();
  CHECK(table.name_of(9).empty());
  CHECK(table.effort() == effort);

  // It may have come late: after a while it is looked for once more.
  proc.open("12", "9", 9);
  table.clock.advance(std::chrono::seconds{2});
  CHECK(table.name_of(9) == "chromium");
}

TEST_CASE("ProcessTable: walks in vain are farther and farther apart", "[agent][attribute]") {
  FakeProc proc;
  for (int pid = 1; pid <= 30; ++pid) {
    proc.add(std::to_string(pid), "/usr/bin/daemon", static_cast<std::uint32_t>(5000 + pid));
  }
  Table table{proc};
  std::int64_t walks = 0;
  for (std::uint32_t question = 0; question < 1000; ++question) {
    const std::int64_t before = table.effort();
    CHECK(table.name_of(100'000 + question).empty());
    walks += table.effort() - before > 30 ? 1 : 0;
    table.clock.advance(std::chrono::milliseconds{10});
  }
  // 0, 0.1, 0.3, 0.7, 1.5, 3.1, 5.1, 7.1, 9.1 seconds.
  CHECK(walks == 9);
}

TEST_CASE("ProcessTable: looking stops when it has cost enough, and goes on in the next second",
          "[agent][attribute]") {
  FakeProc proc;
  for (int pid = 1; pid <= 40; ++pid) {
    proc.add(std::to_string(pid), "/usr/bin/daemon", static_cast<std::uint32_t>(5000 + pid));
  }
  ProcessTable::Limits limits;
  limits.effort_per_second = 400;
  limits.first_pause = std::chrono::milliseconds{0};
  limits.longest_pause = std::chrono::milliseconds{0};
  Table table{proc, limits};
  for (std::uint32_t question = 0; question < 100; ++question) {
    CHECK(table.name_of(100'000 + question).empty());
  }
  CHECK(table.effort() < 520);
  table.clock.advance(std::chrono::seconds{1});
  CHECK(table.name_of(5001) == "daemon");
}

TEST_CASE("ProcessTable: a socket made by another user than its holder is found all the same",
          "[agent][attribute]") {
  FakeProc proc;
  proc.add("12", "/usr/sbin/unbound", 4711);
  Table table{proc};
  CHECK(table.name_of(4711, kMe + 1) == "unbound");
}

TEST_CASE("ProcessTable: a program that was replaced while running keeps its name",
          "[agent][attribute]") {
  FakeProc proc;
  proc.add("12", "/usr/bin/slack (deleted)", 1);
  Table table{proc};
  CHECK(table.name_of(1) == "slack");
}

TEST_CASE("ProcessTable: where the program file is hidden, the process's own name serves",
          "[agent][attribute]") {
  FakeProc proc;
  proc.add("12", "", 1);
  Table table{proc};
  CHECK(table.name_of(1) == "Main Thread");
}

TEST_CASE("ProcessTable: where there is no process table nothing is found", "[agent][attribute]") {
  const testing::ManualClock clock;
  Counters counters;
  ProcessTable table{{}, clock, counters, "/nowhere"};
  CHECK_FALSE(table.find(1, 0));
}

// Child is a process of its own that opens a socket and waits until it is let go.
class Child {
 public:
  Child() {
    std::array<int, 2> told{};
    std::array<int, 2> wait{};
    REQUIRE(::pipe(told.data()) == 0);
    REQUIRE(::pipe(wait.data()) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::close(wait[1]);
      const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
      struct stat about {};
      const bool made = ::fstat(socket, &about) == 0;
      const auto inode = static_cast<std::uint32_t>(made ? about.st_ino : 0);
      char ended = 0;
      const bool sent = ::write(told[1], &inode, sizeof(inode)) == sizeof(inode);
      ::_exit(sent && ::read(wait[0], &ended, 1) == 0 ? 0 : 1);
    }
    ::close(told[1]);
    ::close(wait[0]);
    REQUIRE(::read(told[0], &inode_, sizeof(inode_)) == sizeof(inode_));
    ::close(told[0]);
    release_ = wait[1];
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    ::close(release_);
    ::waitpid(pid_, nullptr, 0);
  }
  std::uint32_t inode() const { return inode_; }
  std::uint32_t pid() const { return static_cast<std::uint32_t>(pid_); }

 private:
  pid_t pid_ = -1;
  int release_ = -1;
  std::uint32_t inode_ = 0;
};

TEST_CASE("ProcessTable: in the kernel's own table a process that just began is found as such",
          "[agent][attribute]") {
  const testing::ManualClock clock;
  Counters counters;
  ProcessTable table{{}, clock, counters};
  const Child first;
  const Child second;
  REQUIRE(first.inode() != 0);
  for (const Child* child : {&first, &second}) {
    const auto found = table.find(child->inode(), kMe);
    REQUIRE(found);
    CHECK(found->pid == child->pid());
    CHECK(found->name == "attribute_test");
  }
  CHECK(counters.value("attribute_found_total{by=\"walk\"}") == 0);
}

}  // namespace
}  // namespace gnomon
