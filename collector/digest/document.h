// Document: a digest as sections and paragraphs, before it becomes text, Markdown or HTML.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "collector/digest/digest.h"

namespace gnomon {

struct DocumentItem {
  std::string title;  // "Trello"; empty for a plain line
  std::string badge;  // "Project management"
  std::string tag;    // standing, when it is not new
  std::string text;
  std::vector<std::string> why;
};

struct DocumentSection {
  std::string id;  // "likely-signups"; for links within a page
  std::string heading;
  std::string intro;
  std::vector<DocumentItem> items;
  bool important = false;  // in the first look
};

struct Document {
  std::string title;     // "The week in tools"
  std::string subtitle;  // "2026-W47, 16 to 22 November 2026"
  std::string headline;
  std::vector<std::string> notices;  // sample, first week, week not over
  std::vector<DocumentSection> sections;
  std::vector<std::string> footer;
};

// make_document leaves empty sections out.
Document make_document(const Digest& digest);

struct TextOptions {
  std::size_t columns = 100;
  bool color = false;  // only for a terminal
};

std::string render_text(const Document& document, const TextOptions& options = {});
std::string render_markdown(const Document& document);

// render_mail gives a page that stands alone: its style is inside, nothing is fetched, and a mail
// program that drops the style still shows headings and lists.
std::string render_mail(const Document& document);

// render_article gives the <article> alone, for a page that brings the same style.
std::string render_article(const Document& document);

// digest_style is that style: light and dark.
std::string_view digest_style();

// escape_html makes any text safe between tags and in quoted attributes.
std::string escape_html(std::string_view text);

}  // namespace gnomon
