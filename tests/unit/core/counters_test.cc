#include "core/counters.h"

#include "tests/support/catch.h"

TEST_CASE("Counters: the same name and labels are the same counter", "[core]") {
  gnomon::Counters counters;
  counters.counter("a_total", "What a counts.", {{"reason", "x"}}).add(2);
  counters.counter("a_total", {}, {{"reason", "x"}}).add();
  counters.counter("a_total", {}, {{"reason", "y"}}).add();
  counters.gauge("b").set(-4);
  CHECK(counters.value("a_total{reason=\"x\"}") == 3);
  CHECK(counters.value("b") == -4);
  CHECK(counters.value("absent") == 0);
}

TEST_CASE("Counters: the text form is sorted and escaped", "[core]") {
  gnomon::Counters counters;
  counters.gauge("z", "Last.").set(1);
  counters.counter("a_total", "First.", {{"k", "q\"\\\n"}}).add(7);
  CHECK(counters.render() ==
        "# HELP a_total First.\n# TYPE a_total counter\na_total{k=\"q\\\"\\\\\\n\"} 7\n"
        "# HELP z Last.\n# TYPE z gauge\nz 1\n");
}
