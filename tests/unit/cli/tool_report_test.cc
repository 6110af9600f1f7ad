#include "cli/tool_report.h"

#include "tests/support/catch.h"
#include "tests/support/fake_rule_pack.h"

#include <nlohmann/json.hpp>

namespace gnomon::cli {
namespace {

constexpr WallTime kStart{std::chrono::seconds{1'795'323'110}};  // 2026-11-22T04:51:50Z

Judgement judgement_of(std::string tool, Stage stage, std::uint16_t confidence) {
  Judgement judgement;
  judgement.tool = std::move(tool);
  judgement.verdict = {stage, confidence};
  judgement.by_role.at(static_cast<std::size_t>(Role::app)) = 12;
  judgement.first = kStart;
  judgement.last = kStart + std::chrono::minutes{2};
  judgement.tenants = {"acme"};
  judgement.evidence = {{kStart, "opened the product's own screens", "trello.com", Role::app}};
  return judgement;
}

TEST_CASE("find_tools: the strongest first, and nothing without a stage", "[cli][report]") {
  testing::FakeRulePack pack;
  pack.add_tool("trello");
  const auto findings = find_tools(
      pack, {judgement_of("asana", Stage::visited, 900), judgement_of("none", Stage::none, 0),
             judgement_of("counter", Stage::embedded, 1000),
             judgement_of("trello", Stage::signup_likely, 930)});
  REQUIRE(findings.size() == 3);
  CHECK(findings[0].judgement.tool == "trello");
  CHECK(findings[1].name == "asana");  // a tool that left the pack keeps its id as name
  CHECK(findings[2].judgement.tool == "counter");
}

TEST_CASE("append_tools: JSON has exactly the fields that were promised", "[cli][report]") {
  testing::FakeRulePack pack;
  pack.add_tool("trello");
  std::string out;
  append_tools(find_tools(pack, {judgement_of("trello", Stage::signup_likely, 930)}), Format::json,
               out);
  const auto row = nlohmann::json::parse(out);
  std::vector<std::string> keys;
  for (const auto& [key, value] : row.items()) {
    keys.push_back(key);
  }
  CHECK(keys == std::vector<std::string>{"category", "confidence", "evidence", "first", "last",
                                         "name", "roles", "stage", "tenants", "tool"});
  CHECK(row["stage"] == "signup-likely");
  CHECK(row["confidence"] == 0.93);
  CHECK(row["roles"] == nlohmann::json{{"app", 12}});
  CHECK(row["tenants"] == nlohmann::json{"acme"});
  CHECK(row["first"] == "2026-11-22T04:51:50.000000Z");
  CHECK(row["evidence"][0] == nlohmann::json{{"t", "2026-11-22T04:51:50.000000Z"},
                                             {"what", "opened the product's own screens"},
                                             {"host", "trello.com"},
                                             {"role", "app"}});
}

TEST_CASE("append_tools: the table sums up what was only embedded", "[cli][report]") {
  testing::FakeRulePack pack;
  std::string out;
  append_tools(find_tools(pack, {judgement_of("trello", Stage::signup_likely, 930),
                                 judgement_of("counter", Stage::embedded, 1000)}),
               Format::table, out);
  CAPTURE(out);
  CHECK(out.find("signup-likely   93 %") != std::string::npos);
  CHECK(out.find("    2026-11-22 04:51:50  opened the product's own screens  [trello.com]") !=
        std::string::npos);
  CHECK(out.find("which is no use (1): counter") != std::string::npos);
  CHECK(out.find("signup-likely  probably a new account; signing in on a new computer") !=
        std::string::npos);
  CHECK(out.find("its pages were opened") == std::string::npos);
  out.clear();
  append_tools({}, Format::table, out);
  CHECK(out == "No tool of the catalogue was seen.\n");
}

TEST_CASE("append_tools: CSV has a row a tool, and no cell is a formula", "[cli][report]") {
  testing::FakeRulePack pack;
  Judgement judgement = judgement_of("trello", Stage::active, 1000);
  judgement.tenants = {"=cmd"};
  std::string out;
  append_tools(find_tools(pack, {judgement}), Format::csv, out);
  CAPTURE(out);
  CHECK(out.starts_with("tool,name,category,stage,confidence,"));
  CHECK(out.find(",\"'=cmd\",") != std::string::npos);
  CHECK(out.find("active,1.000,app:12") != std::string::npos);
}

}  // namespace
}  // namespace gnomon::cli
