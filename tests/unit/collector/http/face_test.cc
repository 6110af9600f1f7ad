#include "collector/http/face.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "collector/digest/document.h"
#include "collector/http/target.h"
#include "tests/support/catch.h"
#include "tests/support/company.h"
#include "tests/support/fake_rule_pack.h"

#include <nlohmann/json.hpp>

using namespace gnomon;
using nlohmann::json;
using testing::Company;

namespace {

// Front is a company behind a face.
struct Front {
  Company company;
  Query query{*company.store, nullptr, company.clock};
  Review review{*company.store, company.clock};
  Digests digests{query, review, *company.store, company.clock, DigestPolicy{}};
  Ready state{true, ""};
  Face face{FaceParts{query, review, digests, company.counters, company.clock,
                      [this] { return state; }, kDefaultMinGroup}};

  HttpResponse get(const std::string& target) const {
    return face.answer({"GET", target, "localhost:7480", ""});
  }
};

std::string header(const HttpResponse& response, const std::string& name) {
  const auto found = std::find_if(response.headers.begin(), response.headers.end(),
                                  [&](const auto& pair) { return pair.first == name; });
  return found == response.headers.end() ? "" : found->second;
}

}  // namespace

TEST_CASE("Face: the tools of a week, in pieces", "[collector][http]") {
  Front front;
  front.company.live_a_week();
  const json whole = json::parse(front.get("/api/v1/tools?week=2026-W47").body);
  CHECK(whole["total"] == 4);
  CHECK(whole["tools"].size() == 4);
  CHECK(whole["tools"][0]["id"] == "asana");
  CHECK(whole["tools"][0]["devices"]["count"] == 4);
  CHECK(whole["tools"][2]["id"] == "trello");
  CHECK(whole["tools"][2]["devices"]["count"].is_null());
  CHECK(whole["tools"][2]["devices"]["words"] == "1-2 devices");
  CHECK(whole["tools"][2]["likely_signup"]["confidence"] == 0.82);
  CHECK_FALSE(whole.contains("next"));

  std::vector<std::string> ids;
  std::string cursor;
  for (int i = 0; i < 10; ++i) {
    const json piece =
        json::parse(front.get("/api/v1/tools?week=2026-W47&all=1&limit=2&cursor=" + cursor).body);
    for (const json& tool : piece["tools"]) {
      ids.push_back(tool["id"]);
    }
    if (!piece.contains("next")) {
      break;
    }
    cursor = piece["next"];
  }
  CHECK(ids == std::vector<std::string>{"asana", "figma", "google-analytics", "mailchimp", "trello",
                                        "typeform"});
}

TEST_CASE("Face: tenants are named when they are the company's or many met them",
          "[collector][http]") {
  Front front;
  auto pack = std::make_shared<testing::FakeRulePack>();
  pack->set_own_tenant(pack->add_tool("slack"), "acme");
  front.query.set_pack(pack);
  const auto in = [&](const char* device, const char* tenant) {
    Contact one = testing::contact("slack", Role::app, Stage::active, testing::at(17));
    one.tenant = tenant;
    front.company.met(device, one);
  };
  in("d1", "acme");
  for (const char* device : {"d1", "d2", "d3"}) {
    in(device, "joint-venture");
  }
  in("d2", "secret-client");
  const json tool = json::parse(front.get("/api/v1/tools/slack?week=2026-W47").body);
  REQUIRE(tool["tenants"].size() == 2);
  CHECK(tool["tenants"][0]["name"] == "acme");
  CHECK(tool["tenants"][0]["whose"] == "own");
  CHECK(tool["tenants"][0]["new"] == false);
  CHECK(tool["tenants"][0]["devices"]["words"] == "1-2 devices");
  CHECK(tool["tenants"][1]["name"] == "joint-venture");
  CHECK(tool["tenants"][1]["whose"] == "foreign");
  CHECK(tool["tenants"][1]["devices"]["count"] == 3);
  CHECK(tool["tenants_of_few_devices"] == 1);
  const std::string page = front.get("/tools/slack?week=2026-W47").body;
  CHECK(page.find("acme (the company's own)") != std::string::npos);
  CHECK(page.find("joint-venture (not the company's)") != std::string::npos);
  CHECK(page.find("1 more that fewer than 3 devices met") != std::string::npos);
  CHECK(page.find("secret-client") == std::string::npos);
}

TEST_CASE("Face: one tool, the agents and the digests", "[collector][http]") {
  Front front;
  front.company.live_a_week();
  const json tool = json::parse(front.get("/api/v1/tools/trello").body);
  CHECK(tool["week"] == "2026-W47");
  CHECK(tool["history"].size() == 8);
  CHECK(tool["standing"] == "new");
  CHECK(front.get("/api/v1/tools/nobody-met-it").status == 404);
  CHECK(json::parse(front.get("/api/v1/agents").body)["agents"].size() == 4);
  const HttpResponse digest = front.get("/api/v1/digests/2026-W47");
  CHECK(parse_digest_json(digest.body).has_value());
  CHECK(json::parse(front.get("/api/v1/digests").body)["digests"].empty());
}

TEST_CASE("Face: what cannot be read is answered with a problem, or a page", "[collector][http]") {
  Front front;
  for (const char* target :
       {"/api/v1/tools?week=2026-W99", "/api/v1/tools?limit=0", "/api/v1/tools?limit=1001",
        "/api/v1/tools?limit=x", "/api/v1/agents?limit=-1", "/api/v1/digests/yesterday"}) {
    CAPTURE(target);
    const HttpResponse response = front.get(target);
    CHECK(response.status == 400);
    CHECK(response.content_type == "application/problem+json");
    CHECK(json::parse(response.body)["status"] == 400);
  }
  CHECK(front.get("/api/v1/nothing").status == 404);
  CHECK(front.get("/nothing").content_type == "text/html; charset=utf-8");
  CHECK(front.get("/tools/a/b").status == 404);
  CHECK(front.get("/%zz").status == 400);
  CHECK(front.get("/%00").status == 400);
  CHECK(front.get("").status == 400);
  CHECK(front.get("/tools/%3Cscript%3E").body.find("<script") == std::string::npos);
  const HttpResponse posted = front.face.answer({"POST", "/", "localhost", ""});
  CHECK(posted.status == 405);
  CHECK(header(posted, "Allow") == "GET, HEAD");
}

TEST_CASE("Face: names of other machines are not answered", "[collector][http]") {
  Front front;
  front.company.live_a_week();
  for (const char* host : {"evil.example", "evil.example:7480", "", "localhost.evil.example",
                           "127.0.0.1.evil.example:80"}) {
    CAPTURE(host);
    CHECK(front.face.answer({"GET", "/", host, ""}).status == 421);
  }
  for (const char* host : {"localhost", "localhost:7480", "127.0.0.1:7480", "[::1]:7480"}) {
    CAPTURE(host);
    CHECK(front.face.answer({"GET", "/", host, ""}).status == 200);
  }
}

TEST_CASE("Face: every answer carries the headers that keep browsers careful",
          "[collector][http]") {
  Front front;
  for (const char* target : {"/", "/agents", "/api/v1/tools", "/metrics", "/nothing", "/%zz"}) {
    CAPTURE(target);
    const HttpResponse response = front.get(target);
    CHECK(header(response, "X-Content-Type-Options") == "nosniff");
    const std::string policy = header(response, "Content-Security-Policy");
    CHECK(policy.find("default-src 'none'") == 0);
    CHECK(policy.find("frame-ancestors 'none'") != std::string::npos);
    CHECK(policy.find("unsafe") == std::string::npos);
  }
}

TEST_CASE("Face: what has not changed is not sent again", "[collector][http]") {
  Front front;
  front.company.live_a_week();
  const HttpResponse first = front.get("/assets/gnomon.css");
  REQUIRE(first.status == 200);
  const HttpResponse again =
      front.face.answer({"GET", "/assets/gnomon.css", "localhost", header(first, "ETag")});
  CHECK(again.status == 304);
  CHECK(again.body.empty());
}

TEST_CASE("Face: health and readiness say what is wrong", "[collector][http]") {
  Front front;
  CHECK(front.get("/readyz").status == 200);
  front.state = {false, "the disk is full"};
  CHECK(front.get("/readyz").status == 503);
  CHECK(json::parse(front.get("/readyz").body)["reason"] == "the disk is full");
  CHECK(front.get("/healthz").status == 200);
  CHECK(json::parse(front.get("/healthz").body)["status"] == "degraded");
  CHECK(front.get("/metrics").body.find("store_accepting 1") != std::string::npos);
}

TEST_CASE("Face: every path of the API's description exists", "[collector][http]") {
  Front front;
  front.company.live_a_week();
  const json described = json::parse(front.get("/api/openapi.json").body);
  CHECK(described["openapi"] == "3.0.3");
  for (const auto& [path, methods] : described["paths"].items()) {
    std::string real = path;
    if (const auto at = real.find("{id}"); at != std::string::npos) {
      real.replace(at, 4, "asana");
    }
    if (const auto at = real.find("{week}"); at != std::string::npos) {
      real.replace(at, 6, "2026-W47");
    }
    CAPTURE(real);
    CHECK(front.get(real).status == 200);
  }
}

TEST_CASE("Pages: what is shown is labelled, and nothing is fetched from elsewhere",
          "[collector][http][web]") {
  Front front;
  front.company.live_a_week();
  for (const char* target : {"/", "/?q=tre&category=&all=1", "/tools/trello", "/agents",
                             "/digest/2026-W47", "/?week=2020-W01"}) {
    CAPTURE(target);
    const HttpResponse response = front.get(target);
    CHECK(response.status == 200);
    const std::string& body = response.body;
    for (const char* wanted : {"<html lang=\"en\">", "<main id=\"main\"", "<h1>", "<nav ",
                               "<title>", "class=\"skip\""}) {
      CHECK(body.find(wanted) != std::string::npos);
    }
    CHECK(body.find("<script") == std::string::npos);
    CHECK(body.find("style=\"") == std::string::npos);
    CHECK(body.find("src=\"http") == std::string::npos);
  }
  CHECK(front.get("/").body.find("trello") != std::string::npos);
  CHECK(front.get("/").body.find("google-analytics") == std::string::npos);
  CHECK(front.get("/digest").status == 302);
  CHECK(header(front.get("/digest"), "Location") == "/digest/2026-W47");
}

TEST_CASE("Pages: the text of the filter is shown as text", "[collector][http][web]") {
  Front front;
  front.company.live_a_week();
  const std::string body = front.get("/?q=%22%3E%3Cscript%3E&category=%3Cb%3E").body;
  CHECK(body.find("\"><script") == std::string::npos);
  CHECK(body.find("&quot;&gt;&lt;script&gt;") != std::string::npos);
}

TEST_CASE("Target: escapes are read once and only when whole", "[collector][http]") {
  CHECK(percent_decoded("a%20b+c", true) == "a b c");
  CHECK(percent_decoded("a+c", false) == "a+c");
  CHECK(percent_decoded("%2525", false) == "%25");
  for (const char* text : {"%", "%2", "%zz", "a%"}) {
    CHECK_FALSE(percent_decoded(text, false).has_value());
  }
}

TEST_CASE("Pages: written to GNOMON_PAGES for a look at them", "[.pages]") {
  const char* folder = std::getenv("GNOMON_PAGES");
  REQUIRE(folder != nullptr);
  Front front;
  front.company.live_a_week();
  const auto write = [&](const char* name, std::string body) {
    for (const char* asset : {"/assets/gnomon.css", "/assets/gnomon.svg"}) {
      for (auto at = body.find(asset); at != std::string::npos; at = body.find(asset, at + 1)) {
        body.replace(at, std::string{"/assets/"}.size(), "");
      }
    }
    std::ofstream{std::string{folder} + "/" + name} << body;
  };
  write("tools.html", front.get("/").body);
  write("tool.html", front.get("/tools/trello").body);
  write("agents.html", front.get("/agents").body);
  write("digest.html", front.get("/digest/2026-W47").body);
  write("gnomon.css", front.get("/assets/gnomon.css").body);
  write("gnomon.svg", front.get("/assets/gnomon.svg").body);
  write("digest.txt", render_text(make_document(*front.digests.of(Week{2026, 47}, false))));
}
