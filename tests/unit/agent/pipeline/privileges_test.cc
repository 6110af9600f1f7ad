#include "agent/privileges.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/support/catch.h"

namespace gnomon {
namespace {

// in_child runs `body` in a process of its own, because rights do not come back.
template <typename Body>
int in_child(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::_exit(body() ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_CASE("Privileges: after dropping all, nothing can be captured", "[agent][privileges]") {
  CHECK(in_child([] { return drop_privileges({}).has_value() && !may_capture(); }) == 0);
}

TEST_CASE("Privileges: what is to be kept is kept, where it was there", "[agent][privileges]") {
  const bool had = may_capture();
  CHECK(in_child([had] {
          return drop_privileges({true, false}).has_value() && may_capture() == had;
        }) == 0);
}

TEST_CASE("Privileges: dropping twice is fine", "[agent][privileges]") {
  CHECK(in_child([] {
          return drop_privileges({}).has_value() && drop_privileges({}).has_value();
        }) == 0);
}

}  // namespace
}  // namespace gnomon
