#include "collector/digest/document.h"
#include "tests/support/catch.h"

using namespace gnomon;

namespace {

Digest hostile_digest() {
  Digest digest;
  digest.week = Week{2026, 47};
  digest.span = "16 to 22 November 2026";
  digest.headline = "1 tool with a likely sign-up.";
  digest.asked = "2026-11-22T20:00:00Z";
  DigestTool tool;
  tool.id = "x";
  tool.name = "<script>alert(1)</script>";
  tool.category = "\"><img src=x>";
  tool.words = "somebody *probably* signed up (confidence 82 %)";
  tool.why = {"[a](javascript:alert(1)) & <b>"};
  digest.signups.push_back(tool);
  return digest;
}

std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = text.find('\n', begin);
    longest = std::max(longest, end - begin);
    begin = end + 1;
  }
  return longest;
}

}  // namespace

TEST_CASE("Rendering: text of others is never markup", "[collector][digest]") {
  const Document document = make_document(hostile_digest());
  for (const std::string& html : {render_mail(document), render_article(document)}) {
    CHECK(html.find("<script") == std::string::npos);
    CHECK(html.find("<img") == std::string::npos);
    CHECK(html.find("&lt;script&gt;") != std::string::npos);
  }
  const std::string markdown = render_markdown(document);
  CHECK(markdown.find("<script") == std::string::npos);
  CHECK(markdown.find("[a](") == std::string::npos);
  CHECK(markdown.find("\\*probably\\*") != std::string::npos);
}

TEST_CASE("Rendering: terminal text keeps its columns, and has colour only when asked",
          "[collector][digest]") {
  Digest digest = hostile_digest();
  digest.signups[0].name = "Trello";
  digest.signups[0].words =
      std::string(30, 'w') + " " + std::string(50, 'x') + " " + std::string(30, 'y') + " end";
  const Document document = make_document(digest);
  const std::string plain = render_text(document);
  CHECK(longest_line(plain) <= 100);
  CHECK(plain.find('\x1b') == std::string::npos);
  CHECK(plain.find("  Trello: wwww") != std::string::npos);
  CHECK(plain.find("      Why:\n      - ") != std::string::npos);
  CHECK(render_text(document, {100, true}).find("\x1b[1m") != std::string::npos);
  CHECK(longest_line(render_text(document, {60, false})) <= 60);
}

TEST_CASE("Rendering: a mail stands alone", "[collector][digest]") {
  const std::string mail = render_mail(make_document(hostile_digest()));
  CHECK(mail.rfind("<!doctype html>", 0) == 0);
  CHECK(mail.find("http://") == std::string::npos);
  CHECK(mail.find("https://") == std::string::npos);
  CHECK(mail.find("lang=\"en\"") != std::string::npos);
}

TEST_CASE("Rendering: a sample and an unfinished week are labelled", "[collector][digest]") {
  Digest digest = hostile_digest();
  digest.sample = true;
  const std::string text = render_text(make_document(digest));
  CHECK(text.find("* Sample:") != std::string::npos);
  CHECK(text.find("The week is not over yet") != std::string::npos);
}
