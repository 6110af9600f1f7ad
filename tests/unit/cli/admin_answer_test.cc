#include "cli/admin_answer.h"

#include "tests/support/catch.h"

namespace gnomon::cli {
namespace {

std::string answer(const std::string& command, std::vector<wire::AdminRow> rows,
                   bool json = false) {
  std::string out;
  append_answer(wire::AdminReply{{}, std::move(rows)}, command, json, out);
  return out;
}

TEST_CASE("Admin answer: a list has its names above, and columns as wide as they must be",
          "[cli]") {
  CHECK(answer("token list", {{{"id", "5f1c0a9be210"}, {"label", "sales laptops"}, {"uses", "3"}},
                              {{"id", "07"}, {"label", "-"}, {"uses", "50"}}}) ==
        "id            label          uses\n"
        "5f1c0a9be210  sales laptops  3\n"
        "07            -              50\n");
}

TEST_CASE("Admin answer: one thing is a line a field, and text of several lines stays as it is",
          "[cli]") {
  CHECK(answer("ca show", {{{"key", "ab12"}, {"certificate", "BEGIN\nEND\n"}}}) ==
        "key          ab12\n"
        "certificate  BEGIN\nEND\n");
}

TEST_CASE("Admin answer: an empty list says so, a command that only acts says nothing", "[cli]") {
  CHECK(answer("agents list", {}) == "none\n");
  CHECK(answer("unknowns record", {}) == "none\n");
  CHECK(answer("policy history", {}) == "none\n");
  CHECK(answer("token revoke", {}).empty());
}

TEST_CASE("Admin answer: as JSON, one thing and a list are an object a line", "[cli]") {
  CHECK(answer("token create", {{{"id", "5f"}, {"label", "a \"b\""}}}, true) ==
        "{\"id\":\"5f\",\"label\":\"a \\\"b\\\"\"}\n");
  CHECK(answer("token list", {{{"id", "5f"}}, {{"id", "07"}}}, true) ==
        "{\"id\":\"5f\"}\n{\"id\":\"07\"}\n");
  CHECK(answer("token list", {}, true).empty());
}

}  // namespace
}  // namespace gnomon::cli
