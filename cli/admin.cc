// gnomon admin: join tokens, agents, own rules, the authority and backups of a running collector.

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/output.h"
#include "cli/text.h"
#include "collector/enrol/admin_client.h"
#include "core/file.h"
#include "core/net/crypto.h"
#include "core/net/join_token.h"

#include <CLI/CLI.hpp>

namespace gnomon::cli {
namespace {

constexpr const char* kDefaultData = "/var/lib/gnomon-collector";

// Choice is what all subcommands share.
struct Choice {
  std::string data = kDefaultData;
  std::string format = "table";
  std::string label;
  std::string id;
  std::string to;
  unsigned uses = 1;
  unsigned hours = 24;
  std::string unknowns_key;  // file
  bool quiet = false;
};

void complain(const std::string& text) {
  Output out(STDERR_FILENO);
  out.text() += "gnomon admin: " + text + '\n';
}

void print_json(const wire::AdminReply& reply, std::string& out) {
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

// print_list prints one line a row, one column a field, wide enough for its longest value.
void print_list(const wire::AdminReply& reply, std::string& out) {
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

// print_one prints a single row as "name  value", a line each.
void print_one(const wire::AdminRow& row, std::string& out) {
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

// key_of reads the company's key for tokens of unknown domains, and makes it when there is none
// yet. It never goes to the collector's process: only into join tokens, here.
std::optional<std::string> key_of(const std::string& path) {
  PosixFileSystem files;
  const auto there = files.exists(path);
  if (there && !*there) {
    const std::string made = random_bytes(kUnknownsKeyBytes);
    const auto stored = replace_file(files, path, to_hex(made) + "\n");
    if (!stored) {
      complain("the key cannot be stored: " + stored.error().text());
      return std::nullopt;
    }
    return made;
  }
  const auto text = read_whole_file(files, path, 256);
  if (!text) {
    complain("the key cannot be read: " + text.error().text());
    return std::nullopt;
  }
  auto key = from_hex(std::string_view{*text}.substr(0, text->find_first_of(" \r\n")));
  if (!key || key->size() != kUnknownsKeyBytes) {
    complain(path + " holds no key: 64 hexadecimal digits were expected");
    return std::nullopt;
  }
  return key;
}

// add_key puts the key into the token of the reply; false when it cannot, and has been told.
bool add_key(const Choice& choice, wire::AdminReply& reply) {
  const auto key = key_of(choice.unknowns_key);
  for (auto& [name, value] : reply.rows.front()) {
    auto token = name == "token" ? parse_join_token(value) : std::nullopt;
    if (key && token) {
      token->unknowns_key = *key;
      value = to_string(*token);
    }
  }
  return key.has_value();
}

int ask(const Choice& choice, const std::string& command, std::vector<wire::Field> arguments) {
  const std::string socket = choice.data + "/" + kAdminSocket;
  auto reply = admin_call(socket, wire::AdminRequest{command, std::move(arguments)});
  if (!reply) {
    const int code = reply.error().code.value();
    if (code == ENOENT || code == ECONNREFUSED) {
      complain("no collector is running with the data folder " + choice.data +
               " (give its folder with --data)");
    } else if (code == EACCES) {
      complain("only the collector's own user may administer it: try as that user or as root");
    } else {
      complain(reply.error().text());
    }
    return kImpossible;
  }
  if (!reply->error.empty()) {
    complain(reply->error);
    return kPartly;
  }
  Output out(STDOUT_FILENO);
  if (command == "token create" && !choice.unknowns_key.empty() && !add_key(choice, *reply)) {
    return kPartly;
  }
  if (choice.quiet && command == "token create") {
    for (const auto& [name, value] : reply->rows.front()) {
      out.text() += name == "token" ? value + '\n' : "";
    }
  } else if (choice.format == "json") {
    print_json(*reply, out.text());
  } else if (command == "token create" || command == "ca show" || command.starts_with("overlay ")) {
    print_one(reply->rows.front(), out.text());
    if (command == "token create") {
      out.text() += "\nShown once: the collector keeps only a hash of it.\n";
    }
  } else if (!reply->rows.empty()) {
    print_list(*reply, out.text());
  } else if (command.ends_with("list") || command.ends_with("record")) {
    out.text() += "none\n";
  }
  return kDone;
}

CLI::App* subcommand(CLI::App& parent, const char* name, const char* what,
                     const std::shared_ptr<Choice>& choice) {
  CLI::App* command = parent.add_subcommand(name, what);
  command->add_option("--data", choice->data, "The collector's data folder")
      ->envname("GNOMON_DATA")
      ->capture_default_str();
  command->add_option("--format", choice->format, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  return command;
}

}  // namespace

void add_admin(CLI::App& app, int& exit_code) {
  const auto choice = std::make_shared<Choice>();
  CLI::App* admin = app.add_subcommand(
      "admin",
      "Join tokens, agents, own rules, the authority and backups of the collector on this machine");
  admin->require_subcommand(1);

  CLI::App* token = admin->add_subcommand("token", "Tokens that let machines enrol");
  token->require_subcommand(1);
  CLI::App* create = subcommand(*token, "create", "Make a token; it is shown once", choice);
  create->add_option("--label", choice->label, "What it is for: \"sales laptops\"");
  create->add_option("--uses", choice->uses, "How many machines may enrol with it")
      ->capture_default_str();
  create->add_option("--hours", choice->hours, "How long it is good")->capture_default_str();
  create->add_option("--unknowns-key", choice->unknowns_key,
                     "File of the key for domains outside the catalogue, made when it is missing;\n"
                     "it goes into the token and never to the collector. Keep it elsewhere");
  create->add_flag("--quiet", choice->quiet, "Print the token's text and nothing else");
  create->callback([choice, &exit_code] {
    exit_code = ask(*choice, "token create",
                    {{"label", choice->label},
                     {"uses", std::to_string(choice->uses)},
                     {"hours", std::to_string(choice->hours)}});
  });
  subcommand(*token, "list", "All tokens, without their secrets", choice)
      ->callback([choice, &exit_code] { exit_code = ask(*choice, "token list", {}); });
  CLI::App* revoke_token = subcommand(*token, "revoke", "Make a token useless", choice);
  revoke_token->add_option("id", choice->id, "Its id")->required();
  revoke_token->callback([choice, &exit_code] {
    exit_code = ask(*choice, "token revoke", {{"id", choice->id}});
  });

  CLI::App* agents = admin->add_subcommand("agents", "Machines that enrolled");
  agents->require_subcommand(1);
  subcommand(*agents, "list", "All agents", choice)->callback([choice, &exit_code] {
    exit_code = ask(*choice, "agents list", {});
  });
  CLI::App* revoke = subcommand(*agents, "revoke", "Cut an agent off at once, for good", choice);
  revoke->add_option("id", choice->id, "Its id")->required();
  revoke->callback([choice, &exit_code] {
    exit_code = ask(*choice, "agents revoke", {{"id", choice->id}});
  });

  CLI::App* overlay = admin->add_subcommand("overlay", "The company's own rules");
  overlay->require_subcommand(1);
  subcommand(*overlay, "show", "What is in use, and what the file says", choice)
      ->callback([choice, &exit_code] { exit_code = ask(*choice, "overlay show", {}); });
  CLI::App* load = subcommand(*overlay, "load", "Read the file again now, and use it", choice);
  load->footer(
      "Example: gnomon admin overlay load\nA changed file is also read within ten minutes.");
  load->callback([choice, &exit_code] { exit_code = ask(*choice, "overlay load", {}); });
  CLI::App* fresh = subcommand(*overlay, "new-keys",
                               "Replace the keys that sign the overlay, and sign it anew", choice);
  fresh->footer(
      "Example: gnomon admin overlay new-keys\nAgents follow when they take the overlay that is "
      "signed anew, and from then on refuse the old keys.");
  fresh->callback([choice, &exit_code] { exit_code = ask(*choice, "overlay new-keys", {}); });

  CLI::App* unknowns = admin->add_subcommand("unknowns", "Domains outside the catalogue");
  unknowns->require_subcommand(1);
  subcommand(*unknowns, "record", "Every question for a name, and what came of it", choice)
      ->callback([choice, &exit_code] { exit_code = ask(*choice, "unknowns record", {}); });

  CLI::App* authority = admin->add_subcommand("ca", "The collector's certificate authority");
  authority->require_subcommand(1);
  subcommand(*authority, "show", "Its root certificate and key hash", choice)
      ->callback([choice, &exit_code] { exit_code = ask(*choice, "ca show", {}); });

  CLI::App* backup = subcommand(
      *admin, "backup", "A consistent copy of store and authority, made while all runs", choice);
  backup->add_option("--to", choice->to, "Folder to make; must not exist")->required();
  backup->footer(
      "Example: gnomon admin backup --to /backup/gnomon-$(date +%F)\n"
      "It holds the authority's keys. To restore, put a copy in the data folder's place "
      "while no collector runs.");
  backup->callback([choice, &exit_code] {
    const std::string to = std::filesystem::absolute(choice->to).lexically_normal().string();
    exit_code = ask(*choice, "backup", {{"to", to}});
  });
}

}  // namespace gnomon::cli
