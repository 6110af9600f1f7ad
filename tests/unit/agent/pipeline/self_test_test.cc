#include "agent/self_test.h"

#include "tests/support/catch.h"
#include "tests/support/pack_builder.h"

namespace gnomon {
namespace {

using testing::PackBuilder;

TEST_CASE("Self-test: a pack that names its tools passes", "[agent][self-test]") {
  PackBuilder builder;
  const ToolIndex trello = builder.tool("trello");
  builder.rule("trello.com", Meaning::tool, trello, Role::site);
  builder.rule(".trello.com", Meaning::tool, trello, Role::app);
  CHECK(self_test(builder.pack()).empty());
}

TEST_CASE("Self-test: tenants and globs stand for a host as well", "[agent][self-test]") {
  PackBuilder builder;
  const ToolIndex slack = builder.tool("slack");
  builder.rule("{tenant}.slack.com", Meaning::tool, slack, Role::app);
  CHECK(self_test(builder.pack()).empty());
}

TEST_CASE("Self-test: a pack without a tool is refused", "[agent][self-test]") {
  PackBuilder builder;
  builder.tool("trello");
  builder.rule("cdn.example.com", Meaning::shared);
  CHECK(self_test(builder.pack()) == "self-test failed: it names no tool");
}

TEST_CASE("Self-test: a pack that names hosts that cannot exist is refused", "[agent][self-test]") {
  PackBuilder builder;
  const ToolIndex all = builder.tool("everything");
  builder.rule("trello.com", Meaning::tool, all, Role::app);
  builder.rule(".gnomon.invalid", Meaning::tool, all, Role::app);
  CHECK(self_test(builder.pack()) ==
        "self-test failed: it gives a meaning to a host that cannot exist");
}

}  // namespace
}  // namespace gnomon
