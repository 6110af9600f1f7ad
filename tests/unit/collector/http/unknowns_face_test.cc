// What page and API show of domains outside the catalogue.

#include "collector/http/face.h"
#include "tests/support/catch.h"
#include "tests/unit/collector/unknowns/tokens.h"

#include <nlohmann/json.hpp>

using namespace gnomon;
using namespace gnomon::testing;
using nlohmann::json;

namespace {

// Front is a company with one revealed domain and one that four devices hold, behind a face.
struct Front {
  Front() {
    for (const char* device : {"d0", "d1", "d2", "d3", "d4"}) {
      world.send(device, report(token(1), 3, 5));
    }
    for (const char* device : {"d0", "d1", "d2", "d3"}) {
      world.send(device, report(token(2), 3, 5));
    }
    world.send("d5", report(token(1), 17, 18));
    REQUIRE(world.unknowns.check());
    REQUIRE(world.tell("d0", "newtool.example"));
    REQUIRE(world.tell("d1", "newtool.example"));
  }

  HttpResponse get(const std::string& target) const {
    return face.answer({"GET", target, "localhost:7480", ""});
  }

  TokenWorld world;
  Company& company = world.company;
  Query query{*company.store, nullptr, company.clock};
  Review review{*company.store, company.clock};
  UnknownList list{*company.store, *company.store, [] { return small_pack(); }, company.clock};
  Digests digests{query, review, *company.store, company.clock, DigestPolicy{}, &list};
  Face face{FaceParts{query,
                      review,
                      digests,
                      company.counters,
                      company.clock,
                      [] {
                        return Ready{true, ""};
                      },
                      kDefaultMinGroup,
                      &list,
                      {true, 5}}};
};

}  // namespace

TEST_CASE("Face: unknown domains are listed from k devices on, with the next step",
          "[collector][http]") {
  const Front front;
  const json answer = json::parse(front.get("/api/v1/unknowns").body);
  CHECK(answer["enabled"] == true);
  CHECK(answer["min_devices"] == 5);
  CHECK(answer["total"] == 1);
  const json& row = answer["unknowns"].at(0);
  CHECK(row["domain"] == "newtool.example");
  CHECK(row["devices"] == 6);
  CHECK(row["devices_new_this_week"]["count"].is_null());
  CHECK(row["first_seen"] == "2026-11-03");
  CHECK(row["next_step"] == "gnomon rules new newtool.example");
  CHECK(front.get("/api/v1/unknowns?limit=0").status == 400);
  CHECK(json::parse(front.get("/api/v1/unknowns?cursor=newtool.example").body)["unknowns"].empty());
}

TEST_CASE("Pages: unknown domains, without counting out a few newcomers", "[collector][http]") {
  const Front front;
  const HttpResponse page = front.get("/unknowns");
  CHECK(page.status == 200);
  CHECK(page.body.find("<code>newtool.example</code>") != std::string::npos);
  CHECK(page.body.find("a few new devices this week") != std::string::npos);
  CHECK(page.body.find("gnomon rules new newtool.example") != std::string::npos);
  const json digest = json::parse(front.get("/api/v1/digests/2026-W47").body);
  REQUIRE(digest["outside_catalogue"].size() == 1);
  CHECK(digest["outside_catalogue"][0]["key"] == "newtool.example");
}

TEST_CASE("Pages: without unknown domains the page says what it would need", "[collector][http]") {
  Company company;
  const Query query{*company.store, nullptr, company.clock};
  const Review review{*company.store, company.clock};
  const Digests digests{query, review, *company.store, company.clock, DigestPolicy{}};
  const Face face{FaceParts{query, review, digests, company.counters, company.clock,
                            [] {
                              return Ready{true, ""};
                            },
                            kDefaultMinGroup}};
  const std::string body = face.answer({"GET", "/unknowns", "localhost", ""}).body;
  CHECK(body.find("Switched off") != std::string::npos);
  CHECK(body.find("Nothing to show") != std::string::npos);
}
