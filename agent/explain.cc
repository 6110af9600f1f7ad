#include "agent/explain.h"

#include <algorithm>
#include <map>
#include <vector>

#include "agent/text_time.h"
#include "core/counted.h"

namespace gnomon {
namespace {

// What a stage means, said to the person whose machine it is.
std::string_view words_of(Stage stage) {
  switch (stage) {
    case Stage::none:
      return "nothing was concluded";
    case Stage::embedded:
      return "pages you read carried it; that is not a use";
    case Stage::mentioned:
      return "its name was looked up, nothing more";
    case Stage::visited:
      return "its pages were opened; whether with an account is not known";
    case Stage::guest:
      return "something that others shared was opened";
    case Stage::signup_likely:
      return "it looks like a new account; signing in on a new computer looks much the same";
    case Stage::active:
      return "the product was used on more than one day";
    case Stage::integrated:
      return "a program on this machine calls it";
    case Stage::dormant:
      return "it was used, and has been quiet for a month";
  }
  return "nothing was concluded";
}

// sure_of says a confidence in words: a figure alone sounds more exact than it is.
std::string sure_of(std::uint16_t confidence) {
  const std::string percent = std::to_string((confidence + 5) / 10) + " %";
  return (confidence >= 900   ? "rather sure, "
          : confidence >= 700 ? "probably, "
                              : "unsure, ") +
         percent;
}

// Judged is what was last said of one person and tool.
struct Judged {
  Stage stage = Stage::none;
  std::uint16_t confidence = 0;
  WallTime newest{};
  std::vector<Evidence> evidence;
};

struct Told {
  std::map<std::string, Judged> by_user;  // "" for contacts whose user is not known
  std::vector<const Contact*> contacts;
  std::uint64_t waiting = 0;
};

// strongest is the judgement of the person who got furthest: that is what the tool was to this
// machine.
const Judged& strongest(const Told& tool) {
  return std::max_element(
             tool.by_user.begin(), tool.by_user.end(),
             [](const auto& a, const auto& b) { return a.second.stage < b.second.stage; })
      ->second;
}

// Sum is everything that was reported, by tool.
struct Sum {
  std::map<std::string, Told> tools;
  std::string gaps;  // a line each
  std::size_t contacts = 0;
  std::size_t tokens = 0;
};

// take hears what a contact says of a person and a tool; the newest word counts.
void take(const Contact& contact, Told& tool) {
  tool.contacts.push_back(&contact);
  Judged& judged = tool.by_user[contact.user];
  if (contact.last < judged.newest) {
    return;
  }
  judged.newest = contact.last;
  judged.stage = contact.stage;
  judged.confidence = contact.confidence;
  if (!contact.evidence.empty()) {
    judged.evidence = contact.evidence;
  }
}

Sum sum_of(const SpoolHistory& history, std::uint64_t acknowledged) {
  Sum sum;
  for (const ReportedBatch& reported : history.batches) {
    for (const Contact& contact : reported.batch.contacts) {
      Told& tool = sum.tools[contact.tool];
      take(contact, tool);
      tool.waiting += reported.sequence > acknowledged ? 1 : 0;
    }
    sum.contacts += reported.batch.contacts.size();
    sum.tokens += reported.batch.unknowns.size();
    for (const Gap& gap : reported.batch.gaps) {
      sum.gaps += "  " + time_text(gap.from) + " to " + time_text(gap.to) + ": " + gap.reason +
                  ", " + counted(gap.contacts, "contact", "contacts") + "\n";
    }
  }
  return sum;
}

std::string sightings_of(const Contact& contact) {
  std::string text;
  const auto add = [&](std::uint32_t count, std::string_view source) {
    if (count > 0) {
      text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + std::string{source};
    }
  };
  add(contact.dns, "DNS");
  add(contact.tls, "TLS");
  add(contact.quic, "QUIC");
  add(contact.http, "HTTP");
  return text;
}

std::string contact_line(const Contact& contact) {
  std::string text = "    " + day_text(contact.first) + " " + clock_text(contact.first) + " to " +
                     clock_text(contact.last) + "  " + std::string{to_string(contact.role)} + ": " +
                     sightings_of(contact);
  if (!contact.tenant.empty()) {
    text += ", tenant " + contact.tenant;
  }
  if (!contact.program.empty()) {
    text += ", by " + contact.program;
  }
  if (!contact.user.empty()) {
    text += ", user " + contact.user;
  }
  return text + "\n";
}

std::string told(const std::string& name, const Told& tool) {
  const Judged& judged = strongest(tool);
  std::string text = name + ": " + std::string{to_string(judged.stage)} + " (" +
                     sure_of(judged.confidence) + ")\n  " + std::string{words_of(judged.stage)} +
                     "\n";
  if (!judged.evidence.empty()) {
    text += "  because\n";
    for (const Evidence& line : judged.evidence) {
      text += "    " + time_text(line.when) + "  " + line.what +
              (line.host.empty() ? "" : " [" + line.host + "]") + "\n";
    }
  }
  text += "  reported\n";
  for (const Contact* contact : tool.contacts) {
    text += contact_line(*contact);
  }
  if (tool.waiting > 0) {
    text += "    (" + std::to_string(tool.waiting) + " of these wait to be sent)\n";
  }
  return text + "\n";
}

// A JSON string with its quotes. The texts are printable UTF-8, checked when they were stored.
std::string quoted(std::string_view text) {
  std::string out{"\""};
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
    }
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

std::string json_time(WallTime when) {
  return std::to_string(when.time_since_epoch().count());
}

std::string json_of(const Evidence& line) {
  return "{\"t_ns\":" + json_time(line.when) + ",\"what\":" + quoted(line.what) +
         ",\"host\":" + quoted(line.host) + ",\"role\":" + quoted(to_string(line.role)) + "}";
}

std::string json_of(const Contact& contact) {
  std::string evidence;
  for (const Evidence& line : contact.evidence) {
    evidence += (evidence.empty() ? "" : ",") + json_of(line);
  }
  return "\"tool\":" + quoted(contact.tool) + ",\"tenant\":" + quoted(contact.tenant) +
         ",\"role\":" + quoted(to_string(contact.role)) +
         ",\"audience\":" + quoted(to_string(contact.audience)) +
         ",\"stage\":" + quoted(to_string(contact.stage)) +
         ",\"confidence\":" + std::to_string(contact.confidence) +
         ",\"window_begin_ns\":" + json_time(contact.window_begin) +
         ",\"window_end_ns\":" + json_time(contact.window_end) +
         ",\"first_ns\":" + json_time(contact.first) + ",\"last_ns\":" + json_time(contact.last) +
         ",\"dns\":" + std::to_string(contact.dns) + ",\"tls\":" + std::to_string(contact.tls) +
         ",\"quic\":" + std::to_string(contact.quic) + ",\"http\":" + std::to_string(contact.http) +
         ",\"user\":" + quoted(contact.user) + ",\"program\":" + quoted(contact.program) +
         ",\"pack_version\":" + std::to_string(contact.pack_version) + ",\"evidence\":[" +
         evidence + "]";
}

}  // namespace

std::string explain_json(const SpoolHistory& history, std::uint64_t acknowledged) {
  std::string text;
  for (const ReportedBatch& reported : history.batches) {
    for (const Contact& contact : reported.batch.contacts) {
      text += "{\"sequence\":" + std::to_string(reported.sequence) +
              ",\"sent\":" + (reported.sequence <= acknowledged ? "true," : "false,") +
              json_of(contact) + "}\n";
    }
  }
  return text;
}

std::string explain(const SpoolHistory& history, std::uint64_t acknowledged,
                    const ToolNames& name_of) {
  const auto [tools, gaps, contacts, tokens] = sum_of(history, acknowledged);
  std::string text =
      "What this machine reported, as far as it still keeps it (what the collector "
      "has is kept for 72 hours).\n";
  if (contacts == 0) {
    return text + "\nNothing.\n" + (gaps.empty() ? "" : "\nLost, and declared:\n" + gaps);
  }
  text += counted(contacts, "contact", "contacts") + " with " +
          counted(tools.size(), "tool", "tools") + ", no addresses of pages, no contents" +
          (tokens == 0
               ? std::string{", no hosts outside the catalogue"}
               : "; hosts outside the catalogue only as tokens (" + std::to_string(tokens) + ")") +
          ".\n\n";

  std::vector<std::pair<std::string, const Told*>> order;
  order.reserve(tools.size());
  for (const auto& [id, tool] : tools) {
    order.emplace_back(name_of(id), &tool);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return strongest(*a.second).stage > strongest(*b.second).stage;
  });
  for (const auto& [name, tool] : order) {
    text += told(name, *tool);
  }
  if (!gaps.empty()) {
    text += "Lost, and declared:\n" + gaps;
  }
  if (history.unreadable > 0) {
    text += std::to_string(history.unreadable) + " stored records could not be read.\n";
  }
  return text;
}

}  // namespace gnomon
