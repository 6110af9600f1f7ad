#include "collector/overlay_commands.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gnomon {
namespace {

std::string_view word_of(Reading::What what) {
  switch (what) {
    case Reading::What::none:
      return "none";
    case Reading::What::unchanged:
      return "unchanged";
    case Reading::What::taken:
      return "taken";
    case Reading::What::refused:
      return "refused";
  }
  return "none";
}

std::string joined(const std::vector<std::string_view>& ids) {
  std::string text;
  for (const std::string_view id : ids) {
    text += (text.empty() ? "" : ", ") + std::string{id};
  }
  return text;
}

wire::AdminReply reply_of(const OwnRules& rules, const Reading& reading) {
  const auto overlay = rules.overlay();
  wire::AdminReply reply;
  reply.rows.push_back({{"file", rules.file()},
                        {"version", std::to_string(overlay == nullptr ? 0 : overlay->version())},
                        {"state", std::string{word_of(reading.what)}},
                        {"text", reading.text},
                        {"own_tools", overlay == nullptr ? "" : joined(overlay->own_tools())},
                        {"sanctioned", overlay == nullptr ? "" : joined(overlay->sanctioned())}});
  return reply;
}

}  // namespace

AdminHandler overlay_commands(OwnRules* rules, std::function<Reading()> read,
                              std::function<Reading()> replace, AdminHandler others) {
  return [rules, read = std::move(read), replace = std::move(replace),
          others = std::move(others)](const wire::AdminRequest& request) {
    const bool load = request.command == "overlay load";
    const bool fresh = request.command == "overlay new-keys";
    if (!load && !fresh && request.command != "overlay show") {
      return others(request);
    }
    if (rules == nullptr) {
      wire::AdminReply none;
      none.error = "this collector has no catalogue, so there is nothing to lay an overlay over";
      return none;
    }
    const Reading reading = load ? read() : fresh ? replace() : rules->last();
    if ((load || fresh) && reading.what == Reading::What::refused) {
      wire::AdminReply refused;
      refused.error = reading.text;
      return refused;
    }
    return reply_of(*rules, reading);
  };
}

}  // namespace gnomon
