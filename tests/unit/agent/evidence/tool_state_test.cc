#include "agent/evidence/tool_state.h"

#include "tests/support/catch.h"
#include "tests/unit/agent/evidence/story.h"

using namespace gnomon;
using gnomon::testing::at;
using gnomon::testing::kDay;

TEST_CASE("Model: each feature moves the probability the way its name says", "[evidence]") {
  const Model model;
  Features features;
  features.sequence = true;
  const double base = signup_probability(model, features);
  features.first_ever = true;
  const double first = signup_probability(model, features);
  CHECK(first > base);
  features.guest_only = true;
  CHECK(signup_probability(model, features) < first);
  CHECK(signup_probability(model, Features{}) < 0.01);
}

TEST_CASE("ToolState: evidence is bounded and keeps its beginning and its end", "[evidence]") {
  ToolState state;
  const Model model;
  for (int i = 0; i < 40; ++i) {
    const std::string host = "h" + std::to_string(i) + ".example";
    Step step;
    step.when = at(i);
    step.source = Source::tls;
    step.role = Role::app;
    step.audience = Audience::user;
    step.host = host;
    state.add(step, SignIn{}, model, false);
  }
  CHECK(state.evidence().size() == kMaxEvidence);
  CHECK(state.evidence().front().host == "h0.example");
  CHECK(state.evidence().back().host == "h39.example");
}

TEST_CASE("ToolState: days out of order and far apart are kept right", "[evidence]") {
  const Model model;
  const auto use = [&](ToolState& state, double day) {
    Step step;
    step.when = at(day * kDay);
    step.source = Source::tls;
    step.role = Role::app;
    step.audience = Audience::user;
    step.host = "app.example";
    state.add(step, SignIn{}, model, false);
  };
  ToolState late_first;
  use(late_first, 3);
  use(late_first, 1);
  CHECK(late_first.verdict(model, at(3 * kDay)).stage == Stage::visited);
  use(late_first, 4);
  CHECK(late_first.verdict(model, at(4 * kDay)).stage == Stage::active);
  ToolState far;
  use(far, 0);
  use(far, 100);
  CHECK(far.verdict(model, at(100 * kDay)).stage == Stage::visited);
}

TEST_CASE("ToolState: a rule of low confidence lowers the verdict's", "[evidence]") {
  const Model model;
  const auto judge = [&](RuleConfidence confidence) {
    ToolState state;
    Step step;
    step.when = at(0);
    step.source = Source::tls;
    step.role = Role::app;
    step.audience = Audience::user;
    step.confidence = confidence;
    step.host = "app.example";
    state.add(step, SignIn{}, model, false);
    return state.verdict(model, at(0)).confidence;
  };
  CHECK(judge(RuleConfidence::low) < judge(RuleConfidence::medium));
  CHECK(judge(RuleConfidence::medium) < judge(RuleConfidence::high));
}
