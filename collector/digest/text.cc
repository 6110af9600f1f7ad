#include <algorithm>
#include <string>

#include "collector/digest/document.h"

namespace gnomon {
namespace {

constexpr std::size_t kMaxTitle = 28;

// shown_width counts characters, not bytes: the texts are UTF-8.
std::size_t shown_width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

// Writer breaks lines at spaces and paints where a terminal can show it.
class Writer {
 public:
  explicit Writer(const TextOptions& options) : options_(options) {}

  void line(std::string_view text = {}) { out_.append(text).push_back('\n'); }

  // wrapped writes `text` behind `head`; further lines are indented by `indent`.
  void wrapped(const std::string& head, std::size_t head_width, std::string_view text,
               std::size_t indent) {
    out_ += head;
    std::size_t column = head_width;
    bool first = true;
    while (!text.empty()) {
      const std::size_t end = std::min(text.find(' '), text.size());
      const std::string_view word = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (word.empty()) {
        continue;
      }
      const std::size_t width = shown_width(word);
      if (!first && column + 1 + width > options_.columns) {
        out_.push_back('\n');
        out_.append(indent, ' ');
        column = indent;
      } else if (!first) {
        out_.push_back(' ');
        ++column;
      }
      out_ += word;
      column += width;
      first = false;
    }
    out_.push_back('\n');
  }

  std::string bold(std::string_view text) const { return paint("1", text); }
  std::string dim(std::string_view text) const { return paint("2", text); }
  std::string accent(std::string_view text) const { return paint("1;36", text); }
  std::string notice(std::string_view text) const { return paint("33", text); }

  std::string take() { return std::move(out_); }
  std::size_t columns() const { return options_.columns; }

 private:
  std::string paint(const char* code, std::string_view text) const {
    if (!options_.color || text.empty()) {
      return std::string{text};
    }
    return "\x1b[" + std::string{code} + "m" + std::string{text} + "\x1b[0m";
  }

  const TextOptions& options_;
  std::string out_;
};

std::string padded(std::string text, std::size_t width) {
  const std::size_t shown = shown_width(text);
  text.append(shown < width ? width - shown : 0, ' ');
  return text;
}

void write_item(Writer& out, const DocumentItem& item, std::size_t title_width) {
  if (item.title.empty()) {
    out.wrapped("  - ", 4, item.text, 4);
    return;
  }
  std::string text = item.text;
  if (!item.tag.empty()) {
    text += " [" + item.tag + "]";
  }
  if (!item.why.empty()) {
    // With reasons a tool gets its own paragraph: "Trello: somebody probably signed up ..."
    out.wrapped("  " + out.bold(item.title) + ": ", 4 + shown_width(item.title), text, 6);
    out.line("      Why:");
    for (const std::string& reason : item.why) {
      out.wrapped("      - ", 8, reason, 8);
    }
    return;
  }
  const std::size_t column = 2 + title_width + 2;
  out.wrapped("  " + out.bold(padded(item.title, title_width)) + "  ", column, text, column);
}

void write_section(Writer& out, const DocumentSection& section) {
  out.line();
  out.line(out.accent(section.heading));
  if (!section.intro.empty()) {
    out.wrapped("  ", 2, section.intro, 2);
  }
  std::size_t title_width = 0;
  for (const DocumentItem& item : section.items) {
    title_width = std::max(title_width, std::min(shown_width(item.title), kMaxTitle));
  }
  for (const DocumentItem& item : section.items) {
    write_item(out, item, title_width);
  }
}

}  // namespace

std::string render_text(const Document& document, const TextOptions& options) {
  Writer out{options};
  out.line(out.bold(document.title));
  out.line(document.subtitle);
  out.line(out.dim(std::string(std::min<std::size_t>(out.columns(), 72), '-')));
  out.wrapped("", 0, document.headline, 0);
  for (const std::string& notice : document.notices) {
    out.line(out.notice("* " + notice));
  }
  for (const DocumentSection& section : document.sections) {
    write_section(out, section);
  }
  out.line();
  out.line(out.dim(std::string(std::min<std::size_t>(out.columns(), 72), '-')));
  for (const std::string& line : document.footer) {
    out.wrapped("", 0, line, 0);
  }
  return out.take();
}

}  // namespace gnomon
