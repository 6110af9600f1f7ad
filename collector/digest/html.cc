#include <string>

#include "collector/digest/document.h"

namespace gnomon {
namespace {

void write_item(std::string& out, const DocumentItem& item) {
  if (item.title.empty()) {
    out += "<li>" + escape_html(item.text) + "</li>\n";
    return;
  }
  out += "<li><p><strong>" + escape_html(item.title) + "</strong>";
  if (!item.badge.empty()) {
    out += " <span class=\"badge\">" + escape_html(item.badge) + "</span>";
  }
  if (!item.tag.empty()) {
    out += " <span class=\"tag\">" + escape_html(item.tag) + "</span>";
  }
  out += "<br>" + escape_html(item.text) + "</p>\n";
  if (!item.why.empty()) {
    out += "<p class=\"why\">Why:</p>\n<ol class=\"why\">\n";
    for (const std::string& reason : item.why) {
      out += "<li>" + escape_html(reason) + "</li>\n";
    }
    out += "</ol>\n";
  }
  out += "</li>\n";
}

void write_section(std::string& out, const DocumentSection& section) {
  const std::string id = escape_html(section.id);
  out += "<section aria-labelledby=\"" + id + "\"" + (section.important ? " class=\"first\"" : "") +
         ">\n";
  out += "<h2 id=\"" + id + "\">" + escape_html(section.heading) + "</h2>\n";
  if (!section.intro.empty()) {
    out += "<p class=\"intro\">" + escape_html(section.intro) + "</p>\n";
  }
  const bool titled = !section.items.empty() && !section.items.front().title.empty();
  out += titled ? "<ul class=\"tools\">\n" : "<ul>\n";
  for (const DocumentItem& item : section.items) {
    write_item(out, item);
  }
  out += "</ul>\n</section>\n";
}

}  // namespace

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

std::string_view digest_style() {
  return R"(:root{color-scheme:light dark;--ink:#1d2433;--soft:#566078;--line:#dfe3eb;--ground:#f6f7f9;--paper:#fff;--accent:#0b5cad;--mark:#fff4d6;--mark-ink:#5f4300;--tag:#e7eef8}
@media(prefers-color-scheme:dark){:root{--ink:#e7eaf1;--soft:#a7b0c4;--line:#333c4e;--ground:#12161f;--paper:#1a202c;--accent:#8ec1ff;--mark:#3d3312;--mark-ink:#ffe29a;--tag:#26344a}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
.digest{max-width:44rem;margin:0 auto;padding:2rem 1.25rem 3rem}
.digest h1{font-size:1.9rem;line-height:1.2;margin:0}
.digest .subtitle{color:var(--soft);margin:.25rem 0 1rem}
.digest .headline{font-size:1.15rem;margin:0 0 1rem}
.digest .notice{background:var(--mark);color:var(--mark-ink);border-radius:.5rem;padding:.6rem .9rem;margin:.5rem 0}
.digest section{background:var(--paper);border:1px solid var(--line);border-radius:.75rem;padding:1.1rem 1.25rem;margin:1rem 0}
.digest section.first{border-left:4px solid var(--accent)}
.digest h2{font-size:1.15rem;margin:0 0 .5rem}
.digest .intro{color:var(--soft);margin:0 0 .75rem}
.digest ul{margin:0;padding-left:1.2rem}
.digest ul.tools{list-style:none;padding:0}
.digest ul.tools>li{padding:.55rem 0;border-top:1px solid var(--line)}
.digest ul.tools>li:first-child{border-top:0;padding-top:0}
.digest ul.tools p{margin:0}
.digest p.why{color:var(--soft);margin:.35rem 0 0!important}
.digest ol.why{margin:.1rem 0 .2rem;padding-left:1.4rem;color:var(--soft)}
.digest .badge{color:var(--soft);font-size:.875rem;margin-left:.25rem}
.digest .tag{background:var(--tag);border-radius:1rem;font-size:.8rem;padding:.1rem .55rem;margin-left:.25rem}
.digest footer{color:var(--soft);font-size:.9rem;border-top:1px solid var(--line);margin-top:1.5rem;padding-top:.75rem}
.digest footer p{margin:.2rem 0}
@media print{body{background:#fff}.digest section{break-inside:avoid}}
)";
}

std::string render_article(const Document& document) {
  std::string out = "<article class=\"digest\">\n<header>\n<h1>" + escape_html(document.title) +
                    "</h1>\n<p class=\"subtitle\">" + escape_html(document.subtitle) +
                    "</p>\n<p class=\"headline\">" + escape_html(document.headline) + "</p>\n";
  for (const std::string& notice : document.notices) {
    out += "<p class=\"notice\" role=\"note\">" + escape_html(notice) + "</p>\n";
  }
  out += "</header>\n";
  for (const DocumentSection& section : document.sections) {
    write_section(out, section);
  }
  out += "<footer>\n";
  for (const std::string& line : document.footer) {
    out += "<p>" + escape_html(line) + "</p>\n";
  }
  out += "</footer>\n</article>\n";
  return out;
}

std::string render_mail(const Document& document) {
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta name=\"color-scheme\" content=\"light dark\">\n<title>" +
         escape_html(document.title + ", " + document.subtitle) + "</title>\n<style>\n" +
         std::string{digest_style()} + "</style>\n</head>\n<body>\n<main>\n" +
         render_article(document) + "</main>\n</body>\n</html>\n";
}

}  // namespace gnomon
