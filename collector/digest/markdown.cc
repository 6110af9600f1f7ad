#include <string>

#include "collector/digest/document.h"

namespace gnomon {
namespace {

// escaped makes text of others mean itself: names of tools and evidence must not become markup.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";  // not every reader of Markdown honours a backslash here
      continue;
    }
    if (std::string_view{"\\`*_{}[]>#|!&"}.find(c) != std::string_view::npos) {
      out.push_back('\\');
    }
    out.push_back(c);
  }
  return out;
}

void write_item(std::string& out, const DocumentItem& item) {
  out += "- ";
  if (!item.title.empty()) {
    out += "**" + escaped(item.title) + "**: ";
  }
  out += escaped(item.text);
  if (!item.tag.empty()) {
    out += " (" + escaped(item.tag) + ")";
  }
  out += "\n";
  for (const std::string& reason : item.why) {
    out += "  - " + escaped(reason) + "\n";
  }
}

}  // namespace

std::string render_markdown(const Document& document) {
  std::string out = "# " + escaped(document.title) + "\n\n" + escaped(document.subtitle) + "\n\n";
  out += "**" + escaped(document.headline) + "**\n";
  for (const std::string& notice : document.notices) {
    out += "\n> " + escaped(notice) + "\n";
  }
  for (const DocumentSection& section : document.sections) {
    out += "\n## " + escaped(section.heading) + "\n\n";
    if (!section.intro.empty()) {
      out += escaped(section.intro) + "\n\n";
    }
    for (const DocumentItem& item : section.items) {
      write_item(out, item);
    }
  }
  out += "\n---\n";
  for (const std::string& line : document.footer) {
    out += "\n" + escaped(line) + "\n";
  }
  return out;
}

}  // namespace gnomon
