#include "agent/attribute/user_pseudonym.h"

#include "tests/support/catch.h"
#include "tests/support/temp_directory.h"

namespace gnomon {
namespace {

TEST_CASE("UserPseudonym: the same person has the same name after a restart",
          "[agent][attribute]") {
  const testing::TempDirectory folder;
  PosixFileSystem files;
  auto first = UserPseudonym::open(files, folder.file("user.key"));
  REQUIRE(first);
  auto second = UserPseudonym::open(files, folder.file("user.key"));
  REQUIRE(second);
  CHECK(first->of(1000) == second->of(1000));
  CHECK(first->of(1000) != first->of(1001));
}

TEST_CASE("UserPseudonym: another machine's key gives another name", "[agent][attribute]") {
  UserPseudonym here{UserPseudonym::Key{1}};
  UserPseudonym there{UserPseudonym::Key{2}};
  CHECK(here.of(1000) != there.of(1000));
  CHECK(here.of(1000).find("1000") == std::string::npos);
  CHECK(here.of(1000).size() == 22);
}

TEST_CASE("UserPseudonym: accounts of the system are no persons", "[agent][attribute]") {
  UserPseudonym names{UserPseudonym::Key{}};
  CHECK(names.of(0) == "system");
  CHECK(names.of(999) == "system");
  CHECK(names.of(65534) == "system");
  CHECK(names.of(1000) != "system");
}

TEST_CASE("UserPseudonym: a key file of the wrong size is refused", "[agent][attribute]") {
  const testing::TempDirectory folder;
  PosixFileSystem files;
  REQUIRE(replace_file(files, folder.file("user.key"), "short"));
  CHECK_FALSE(UserPseudonym::open(files, folder.file("user.key")));
}

}  // namespace
}  // namespace gnomon
