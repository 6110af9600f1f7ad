#include "cli/admin_answer.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "cli/text.h"

namespace gnomon::cli {
namespace {

// append_objects writes one JSON object a row.
void append_objects(const wire::AdminReply& reply, std::string& out) {
  for (const wire::AdminRow& row : reply.rows) {
    out += '{';
    bool first = true;
    for (const auto& [name, value] : row) {
      out += first ? "" : ",";
      first = false;
      append_json(name, out);
      out += ':';
      append_json(value, out);
    }
    out += "}\n";
  }
}

// append_list prints one line a row, one column a field, wide enough for its longest value.
void append_list(const wire::AdminReply& reply, std::string& out) {
  std::vector<std::size_t> widths;
  for (const auto& [name, value] : reply.rows.front()) {
    widths.push_back(name.size());
  }
  for (const wire::AdminRow& row : reply.rows) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].second.size());
    }
  }
  const auto line = [&](const wire::AdminRow& row, bool names) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i) {
      const std::string& cell = names ? row[i].first : row[i].second;
      if (i + 1 == row.size()) {
        out += cell;
      } else {
        append_padded(cell, widths[i] + 2, out);
      }
    }
    out += '\n';
  };
  line(reply.rows.front(), true);
  for (const wire::AdminRow& row : reply.rows) {
    line(row, false);
  }
}

// append_one prints a single row as "name  value", a line each.
void append_one(const wire::AdminRow& row, std::string& out) {
  std::size_t width = 0;
  for (const auto& [name, value] : row) {
    width = std::max(width, name.size());
  }
  for (const auto& [name, value] : row) {
    append_padded(name, width + 2, out);
    out += value;
    out += value.ends_with('\n') ? "" : "\n";
  }
}

// shows_one says whether a command's answer is one thing and not a list of them.
bool shows_one(const std::string& command) {
  return command == "token create" || command.starts_with("ca ") || command == "policy show" ||
         command == "policy set" || command == "agents show" || command == "agents auto-release" ||
         command == "review decide" || command == "review back" || command.starts_with("overlay ");
}

}  // namespace

void append_answer(const wire::AdminReply& reply, const std::string& command, bool json,
                   std::string& out) {
  if (json) {
    append_objects(reply, out);
  } else if (reply.rows.empty()) {
    const bool list =
        command.ends_with("list") || command.ends_with("record") || command.ends_with("history");
    out += list ? "none\n" : "";
  } else if (shows_one(command)) {
    append_one(reply.rows.front(), out);
  } else {
    append_list(reply, out);
  }
}

}  // namespace gnomon::cli
