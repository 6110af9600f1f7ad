// gnomon admin: join tokens, agents, policy, own rules, reviews, the authority and backups of a
// running collector.

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/admin_answer.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/unknowns_key.h"
#include "collector/enrol/admin_client.h"
#include "core/file.h"
#include "core/net/join_token.h"
#include "core/result.h"

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
  std::string reason;
  std::vector<std::string> changes;  // key=value
  std::string state;
  std::string on;
  std::string chain;
  std::string key;
  bool force = false;
  std::string by;
  std::string alternative;
  std::string until;
};

void complain(const std::string& text) {
  Output out(STDERR_FILENO);
  out.text() += "gnomon admin: " + text + '\n';
}

// exchange asks the collector here. What went wrong has been told; the failure is the exit code.
Result<wire::AdminReply, int> exchange(const Choice& choice, const std::string& command,
                                       std::vector<wire::Field> arguments) {
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
    return Failure{kImpossible};
  }
  if (!reply->error.empty()) {
    complain(reply->error);
    return Failure{kPartly};
  }
  return *std::move(reply);
}

int ask(const Choice& choice, const std::string& command, std::vector<wire::Field> arguments) {
  const auto reply = exchange(choice, command, std::move(arguments));
  if (!reply) {
    return reply.error();
  }
  Output out(STDOUT_FILENO);
  append_answer(*reply, command, choice.format == "json", out.text());
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

int set_policy(const Choice& choice) {
  std::vector<wire::Field> arguments{{"reason", choice.reason}};
  for (const std::string& change : choice.changes) {
    const std::size_t equals = change.find('=');
    if (equals == std::string::npos || equals == 0) {
      complain("'" + change + "' is no change like collect-users=no");
      return kImpossible;
    }
    arguments.emplace_back(change.substr(0, equals), change.substr(equals + 1));
  }
  return ask(choice, "policy set", std::move(arguments));
}

void add_policy(CLI::App& admin, const std::shared_ptr<Choice>& choice, int& exit_code) {
  CLI::App* policy = admin.add_subcommand(
      "policy", "What all agents are asked to collect; each machine's own ceiling wins");
  policy->require_subcommand(1);
  CLI::App* show = subcommand(*policy, "show", "The policy in force", choice);
  show->footer("Example:\n  gnomon admin policy show --format json");
  show->callback([choice, &exit_code] { exit_code = ask(*choice, "policy show", {}); });
  CLI::App* set = subcommand(*policy, "set", "Change the policy; agents take it at once", choice);
  set->add_option("changes", choice->changes, "KEY=VALUE, one or more")->required();
  set->add_option("--reason", choice->reason, "Why, for the record");
  set->footer(
      "Keys: collect-users, collect-programs, collect-evidence, report-unknowns (yes, no,\n"
      "default), window-minutes, spool-days (a number, or default).\n"
      "Example:\n"
      "  gnomon admin policy set collect-users=no window-minutes=60 --reason \"works council\"");
  set->callback([choice, &exit_code] { exit_code = set_policy(*choice); });
  CLI::App* history = subcommand(*policy, "history", "Who changed it, when, and why", choice);
  history->footer("Example:\n  gnomon admin policy history --format json");
  history->callback([choice, &exit_code] { exit_code = ask(*choice, "policy history", {}); });
}

// add_key puts the company's key into the token that was made; false when it cannot, and has been
// told.
bool add_key(const std::string& path, wire::AdminReply& made) {
  const auto key = unknowns_key(path);
  if (!key) {
    complain(key.error());
    return false;
  }
  for (auto& [name, value] : made.rows.front()) {
    if (auto token = name == "token" ? parse_join_token(value) : std::nullopt) {
      token->unknowns_key = *key;
      value = to_string(*token);
    }
  }
  return true;
}

int create_token(const Choice& choice) {
  const std::string command = "token create";
  auto made = exchange(choice, command,
                       {{"label", choice.label},
                        {"uses", std::to_string(choice.uses)},
                        {"hours", std::to_string(choice.hours)}});
  if (!made) {
    return made.error();
  }
  if (!choice.unknowns_key.empty() && !add_key(choice.unknowns_key, *made)) {
    return kPartly;
  }
  Output out(STDOUT_FILENO);
  if (choice.quiet) {
    for (const auto& [name, value] : made->rows.front()) {
      out.text() += name == "token" ? value + '\n' : "";
    }
    return kDone;
  }
  const bool json = choice.format == "json";
  append_answer(*made, command, json, out.text());
  out.text() += json ? "" : "\nShown once: the collector keeps only a hash of it.\n";
  return kDone;
}

void add_tokens(CLI::App& admin, const std::shared_ptr<Choice>& choice, int& exit_code) {
  CLI::App* token = admin.add_subcommand("token", "Tokens that let machines enrol");
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
  create->footer(
      "Example:\n  gnomon admin token create --uses 50 --hours 72 --label \"sales laptops\"");
  create->callback([choice, &exit_code] { exit_code = create_token(*choice); });
  CLI::App* list = subcommand(*token, "list", "All tokens, without their secrets", choice);
  list->footer("Example:\n  gnomon admin token list --format json");
  list->callback([choice, &exit_code] { exit_code = ask(*choice, "token list", {}); });
  CLI::App* revoke = subcommand(*token, "revoke", "Make a token useless", choice);
  revoke->add_option("id", choice->id, "Its id")->required();
  revoke->footer("Example:\n  gnomon admin token revoke 5f1c0a9be210");
  revoke->callback([choice, &exit_code] {
    exit_code = ask(*choice, "token revoke", {{"id", choice->id}});
  });
}

// add_of_agent adds a command that names one agent.
void add_of_agent(CLI::App& parent, const char* name, const char* what, const std::string& command,
                  const std::shared_ptr<Choice>& choice, int& exit_code) {
  CLI::App* added = subcommand(parent, name, what, choice);
  added->add_option("id", choice->id, "Its id, from `gnomon admin agents list`")->required();
  added->footer("Example:\n  gnomon admin " + (command == "agents revoke" ? "revoke" : command) +
                " 0b7c1a52-6d0e-4a1f-9c57-2f6f6c1f2d11");
  added->callback([choice, command, &exit_code] {
    exit_code = ask(*choice, command, {{"id", choice->id}});
  });
}

void add_agents(CLI::App& admin, const std::shared_ptr<Choice>& choice, int& exit_code) {
  CLI::App* agents = admin.add_subcommand("agents", "Machines that enrolled");
  agents->require_subcommand(1);
  CLI::App* list = subcommand(*agents, "list", "All agents, and how they are", choice);
  list->add_option("--state", choice->state, "Only those in this state")
      ->check(CLI::IsMember({"active", "revoked", "replaced", "quarantined", "cloned"}));
  list->footer("Example:\n  gnomon admin agents list --state quarantined");
  list->callback([choice, &exit_code] {
    exit_code = ask(*choice, "agents list", {{"state", choice->state}});
  });
  add_of_agent(*agents, "show", "Everything known about one agent", "agents show", choice,
               exit_code);
  add_of_agent(*agents, "revoke", "Cut an agent off at once, for good", "agents revoke", choice,
               exit_code);
  add_of_agent(*agents, "release", "Let an agent out of quarantine", "agents release", choice,
               exit_code);
  CLI::App* automatic = subcommand(
      *agents, "auto-release", "Whether agents that were away too long are let in unasked", choice);
  automatic->add_option("on", choice->on, "yes or no; nothing: show it")
      ->check(CLI::IsMember({"yes", "no"}));
  automatic->footer("Example:\n  gnomon admin agents auto-release yes");
  automatic->callback([choice, &exit_code] {
    exit_code = ask(*choice, "agents auto-release", {{"on", choice->on}});
  });
  add_of_agent(admin, "revoke", "Cut an agent off at once, for good", "agents revoke", choice,
               exit_code);
}

void add_overlay(CLI::App& admin, const std::shared_ptr<Choice>& choice, int& exit_code) {
  CLI::App* overlay = admin.add_subcommand("overlay", "The company's own rules");
  overlay->require_subcommand(1);
  CLI::App* show = subcommand(*overlay, "show", "What is in use, and what the file says", choice);
  show->footer("Example:\n  gnomon admin overlay show --format json");
  show->callback([choice, &exit_code] { exit_code = ask(*choice, "overlay show", {}); });
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
}

void add_unknowns(CLI::App& admin, const std::shared_ptr<Choice>& choice, int& exit_code) {
  CLI::App* unknowns = admin.add_subcommand("unknowns", "Domains outside the catalogue");
  unknowns->require_subcommand(1);
  CLI::App* record =
      subcommand(*unknowns, "record", "Every question for a name, and what came of it", choice);
  record->footer("Example:\n  gnomon admin unknowns record --format json");
  record->callback([choice, &exit_code] { exit_code = ask(*choice, "unknowns record", {}); });
}

// read_text yields a file's contents; nullopt after saying why not.
std::optional<std::string> read_text(const std::string& path) {
  constexpr std::size_t kMaxPem = std::size_t{24} << 10;  // key and chain fit one message
  PosixFileSystem files;
  auto text = read_whole_file(files, path, kMaxPem);
  if (!text) {
    complain(text.error().text());
    return std::nullopt;
  }
  return std::move(*text);
}

int import_authority(const Choice& choice) {
  const auto chain = read_text(choice.chain);
  const auto key = chain ? read_text(choice.key) : std::nullopt;
  if (!key) {
    return kImpossible;
  }
  return ask(choice, "ca import",
             {{"chain", *chain}, {"key", *key}, {"force", choice.force ? "yes" : ""}});
}

void add_authority(CLI::App& admin, const std::shared_ptr<Choice>& choice, int& exit_code) {
  CLI::App* authority = admin.add_subcommand("ca", "The collector's certificate authority");
  authority->require_subcommand(1);
  CLI::App* show = subcommand(*authority, "show", "Its root certificate and key hash", choice);
  show->footer("Example:\n  gnomon admin ca show --format json");
  show->callback([choice, &exit_code] { exit_code = ask(*choice, "ca show", {}); });
  CLI::App* taken =
      subcommand(*authority, "import", "Issue from an authority of the company's own", choice);
  taken
      ->add_option("--chain", choice->chain,
                   "PEM: the authority's certificate, those above it, the root last")
      ->required();
  taken->add_option("--key", choice->key, "PEM: the authority's key, unencrypted")->required();
  taken->add_flag("--force", choice->force, "Although agents would have to enrol again");
  taken->footer(
      "Example:\n  gnomon admin ca import --chain gnomon-ca-chain.pem --key gnomon-ca.key");
  taken->callback([choice, &exit_code] { exit_code = import_authority(*choice); });
}

void add_review(CLI::App& admin, const std::shared_ptr<Choice>& choice, int& exit_code) {
  CLI::App* review = admin.add_subcommand("review", "What was decided about tools");
  review->require_subcommand(1);
  CLI::App* list = subcommand(*review, "list", "The standing of every tool that has one", choice);
  list->footer("Example:\n  gnomon admin review list");
  list->callback([choice, &exit_code] { exit_code = ask(*choice, "review list", {}); });
  CLI::App* decide = subcommand(*review, "decide", "Give a tool a standing", choice);
  decide->add_option("tool", choice->id, "The tool's id, like trello")->required();
  decide
      ->add_option("standing", choice->state,
                   "new, in-review, trial, sanctioned, tolerated, unsanctioned, retiring, retired")
      ->required();
  decide->add_option("--by", choice->by, "Who says so: a role, like \"martech lead\"");
  decide->add_option("--reason", choice->reason, "For the people who use the tool");
  decide->add_option("--alternative", choice->alternative, "What to use instead");
  decide->add_option("--until", choice->until, "Days until a trial ends or it is looked at again");
  decide->footer(
      "A no needs a reason, and an alternative or --until; a trial needs --until.\n"
      "Example:\n  gnomon admin review decide trello trial --until 30 --by \"martech lead\"");
  decide->callback([choice, &exit_code] {
    exit_code = ask(*choice, "review decide",
                    {{"tool", choice->id},
                     {"standing", choice->state},
                     {"by", choice->by},
                     {"reason", choice->reason},
                     {"alternative", choice->alternative},
                     {"until", choice->until}});
  });
  CLI::App* back = subcommand(*review, "back", "Undo the latest decision about a tool", choice);
  back->add_option("tool", choice->id, "The tool's id")->required();
  back->add_option("--by", choice->by, "Who says so");
  back->add_option("--reason", choice->reason, "Why");
  back->footer("Example:\n  gnomon admin review back trello --reason \"wrong tool\"");
  back->callback([choice, &exit_code] {
    exit_code = ask(*choice, "review back",
                    {{"tool", choice->id}, {"by", choice->by}, {"reason", choice->reason}});
  });
}

void add_backup(CLI::App& admin, const std::shared_ptr<Choice>& choice, int& exit_code) {
  CLI::App* backup = subcommand(
      admin, "backup", "A consistent copy of store and authority, made while all runs", choice);
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

}  // namespace

void add_admin(CLI::App& app, int& exit_code) {
  const auto choice = std::make_shared<Choice>();
  CLI::App* admin = app.add_subcommand(
      "admin", "Tokens, agents, policy, reviews, authority and backups of the collector here");
  admin->require_subcommand(1);
  admin->footer("Example:\n  gnomon admin agents list --data /var/lib/gnomon-collector");
  add_tokens(*admin, choice, exit_code);
  add_agents(*admin, choice, exit_code);
  add_policy(*admin, choice, exit_code);
  add_overlay(*admin, choice, exit_code);
  add_unknowns(*admin, choice, exit_code);
  add_review(*admin, choice, exit_code);
  add_authority(*admin, choice, exit_code);
  add_backup(*admin, choice, exit_code);
}

}  // namespace gnomon::cli
