#include "agent/config.h"

#include "core/file.h"
#include "tests/support/catch.h"
#include "tests/support/temp_directory.h"

namespace gnomon {
namespace {

std::string error_of(const std::string& text) {
  const testing::TempDirectory folder;
  PosixFileSystem files;
  REQUIRE(replace_file(files, folder.file("agent.conf"), text, Durable::no));
  Config config;
  try {
    read_config(folder.file("agent.conf"), true, config);
  } catch (const ConfigError& error) {
    const std::string what = error.what();
    return what.substr(what.find("agent.conf"));
  }
  return {};
}

TEST_CASE("Config: a file of keys and values is applied over the defaults", "[agent][config]") {
  const testing::TempDirectory folder;
  PosixFileSystem files;
  REQUIRE(replace_file(files, folder.file("agent.conf"),
                       "# comment\n\n data = /var/tmp/x \ncollector=a.example:7443, "
                       "[2001:db8::1]:7443\ncollect-users = no\r\nlearning-days = 0\n"
                       "interfaces = all\nspool-mb = 8",
                       Durable::no));
  Config config;
  read_config(folder.file("agent.conf"), true, config);
  CHECK(config.data == "/var/tmp/x");
  CHECK(config.collector == std::vector<std::string>{"a.example:7443", "[2001:db8::1]:7443"});
  CHECK_FALSE(config.collect_users);
  CHECK(config.collect_programs);
  CHECK(config.learning_days == 0U);
  CHECK(config.interfaces.empty());
  CHECK(config.spool_mb == 8);
}

TEST_CASE("Config: what is wrong is named with file, line and key", "[agent][config]") {
  CHECK(error_of("data = x\nnonsense\n") == "agent.conf:2: expected 'key = value'");
  CHECK(error_of("colour = red\n") == "agent.conf:1: unknown key 'colour'");
  CHECK(error_of("collect-users = perhaps\n") ==
        "agent.conf:1: collect-users: expected yes or no, not 'perhaps'");
  CHECK(error_of("\n\nspool-mb = 0\n") ==
        "agent.conf:3: spool-mb: expected a number from 1 to 1048576, not '0'");
  CHECK(error_of("log-level = loud\n") ==
        "agent.conf:1: log-level: expected debug, info, warn or error, not 'loud'");
  CHECK(error_of("data = x\n").empty());
}

TEST_CASE("Config: nothing about unknown domains leaves unless the machine says so",
          "[agent][config]") {
  Config config;
  CHECK_FALSE(config.report_unknowns);
  config.set("internal-domains", "Corp.example, .intra.example");
  CHECK(config.internal_domains == std::vector<std::string>{"corp.example", "intra.example"});
  CHECK(error_of("internal-domains = corp example\n") ==
        "agent.conf:1: internal-domains: expected domains like corp.example, not 'corp example'");
  CHECK(error_of("unknown-days = -1\n") ==
        "agent.conf:1: unknown-days: expected a number from 0 to 3650, not '-1'");
}

TEST_CASE("Config: a missing file matters only when somebody named it", "[agent][config]") {
  const testing::TempDirectory folder;
  Config config;
  CHECK_NOTHROW(read_config(folder.file("none"), false, config));
  CHECK_THROWS_AS(read_config(folder.file("none"), true, config), ConfigError);
}

TEST_CASE("Config: every key can be set to the value it is shown with", "[agent][config]") {
  Config config;
  config.learning_days = 14;
  for (const auto& [key, value] : config.keys()) {
    CAPTURE(key, value);
    Config other;
    CHECK_NOTHROW(other.set(key, value));
  }
  CHECK(config.keys().size() == 19);
}

}  // namespace
}  // namespace gnomon
