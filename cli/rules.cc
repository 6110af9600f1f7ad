// gnomon rules: check, compile, sign, verify, match, stats, diff, explain, new, keygen.

#include <memory>

#include "cli/commands.h"
#include "cli/rules_ask.h"
#include "cli/rules_make.h"

#include <CLI/CLI.hpp>

namespace gnomon::cli {
namespace {

void add_check(CLI::App& rules, int& exit_code) {
  CLI::App* command = rules.add_subcommand("check", "Reads a rules folder and says what is wrong");
  command->footer("Example: gnomon rules check rules");
  auto options = std::make_shared<CheckOptions>();
  command->add_option("folder", options->folder, "Rules folder")->default_val("rules");
  command->add_option("--suffixes", options->suffixes, "Public suffix list");
  command->add_flag("--strict", options->strict, "Warnings fail too");
  command->callback([options, &exit_code] { exit_code = check_rules(*options); });
}

void add_compile(CLI::App& rules, int& exit_code) {
  CLI::App* command = rules.add_subcommand("compile", "Compiles a rules folder to a rule pack");
  command->footer("Example: gnomon rules compile rules --out catalogue.pack --key pack.key");
  auto options = std::make_shared<CompileCommand>();
  command->add_option("folder", options->folder, "Rules folder")->default_val("rules");
  command->add_option("--out", options->out, "Pack to write")->required();
  command->add_option("--key", options->keys, "Secret pack key; may stand several times");
  command->add_option("--root", options->roots, "Root record to carry along, oldest first");
  command->add_option("--pack-version", options->version, "Version (default: day and 00)");
  command->add_option("--created", options->created,
                      "Time of making (default: SOURCE_DATE_EPOCH or now)");
  command->add_option("--days", options->days, "Days until it expires")->default_val(365);
  command->add_option("--suffixes", options->suffixes, "Public suffix list");
  command->callback([options, &exit_code] { exit_code = compile_rules(*options); });
}

void add_overlay(CLI::App& rules, int& exit_code) {
  CLI::App* overlay = rules.add_subcommand("overlay", "A company's own additions to the catalogue");
  overlay->require_subcommand(1);
  overlay->footer("Example: gnomon rules overlay check /etc/gnomon/overlay.yaml");
  const auto base = [](CLI::App* command, OverlayCommand& options) {
    command->add_option("file", options.file, "Overlay in YAML")->required();
    command->add_option("--rules", options.place.pack, "Catalogue to lie over");
    command->add_option("--trust", options.place.trust, "Trust file of the catalogue");
  };
  CLI::App* check = overlay->add_subcommand("check", "Reads an overlay and says what is wrong");
  check->footer(
      "Example: gnomon rules overlay check /etc/gnomon/overlay.yaml\n"
      "A collector takes up what is right by itself; `gnomon admin overlay load` makes it do so "
      "now.");
  auto check_options = std::make_shared<OverlayCommand>();
  base(check, *check_options);
  check->callback([check_options, &exit_code] { exit_code = check_overlay_file(*check_options); });

  CLI::App* compile = overlay->add_subcommand(
      "compile", "Compiles an overlay to a pack with a key of your own, without a collector");
  compile->footer(
      "Example: gnomon rules overlay compile company.yaml --out company.pack --key my.key");
  auto options = std::make_shared<OverlayCommand>();
  base(compile, *options);
  compile->add_option("--out", options->out, "Pack to write")->required();
  compile->add_option("--key", options->keys, "Secret key; may stand several times");
  compile->add_option("--pack-version", options->version, "Version (default: day and 00)");
  compile->add_option("--days", options->days, "Days until it expires")->default_val(365);
  compile->callback([options, &exit_code] { exit_code = compile_overlay_file(*options); });
}

void add_keys(CLI::App& rules, int& exit_code) {
  CLI::App* sign = rules.add_subcommand("sign", "Signs a pack, in place of its signatures");
  sign->footer("Example: gnomon rules sign catalogue.pack --key keys/pack.key");
  auto sign_options = std::make_shared<SignCommand>();
  sign->add_option("pack", sign_options->pack, "Pack")->required();
  sign->add_option("--key", sign_options->keys, "Secret pack key; may stand several times")
      ->required();
  sign->add_option("--out", sign_options->out, "Where to write it (default: over the pack)");
  sign->callback([sign_options, &exit_code] { exit_code = sign_pack(*sign_options); });

  CLI::App* verify = rules.add_subcommand("verify", "Opens a pack as an agent would");
  verify->footer("Example: gnomon rules verify catalogue.pack --trust keys/catalogue.trust");
  auto verify_options = std::make_shared<VerifyCommand>();
  verify->add_option("pack", verify_options->place.pack, "Pack (default: the installed one)");
  verify->add_option("--trust", verify_options->place.trust, "Trust file");
  verify->add_option("--min-version", verify_options->min_version, "Refuse older ones");
  verify->add_option("--at", verify_options->at, "Time to judge expiry by (default: now)");
  verify->callback([verify_options, &exit_code] { exit_code = verify_pack(*verify_options); });

  CLI::App* keygen =
      rules.add_subcommand("keygen", "Makes keys, and the trust file that names them");
  keygen->footer(
      "Example: gnomon rules keygen --out keys\n"
      "         gnomon rules keygen --out keys2 --previous keys/catalogue.trust"
      " --previous-root keys/root.key");
  auto key_options = std::make_shared<KeygenCommand>();
  keygen->add_option("--out", key_options->folder, "Folder for the new files")->required();
  keygen->add_option("--days", key_options->days, "Days until the trust expires")
      ->default_val(3650);
  keygen->add_option("--previous", key_options->previous, "Trust file to follow on from");
  keygen->add_option("--previous-root", key_options->previous_roots, "Secret root keys of it");
  keygen->callback([key_options, &exit_code] { exit_code = make_keys(*key_options); });
}

void add_questions(CLI::App& rules, int& exit_code) {
  const auto source = [](CLI::App* command, AskOptions& options) {
    command->add_option("--rules", options.place.pack, "Rule pack (default: the installed one)");
    command->add_option("--trust", options.place.trust, "Its trust file");
    command->add_option("--folder", options.folder, "Ask this rules folder instead of a pack");
    command->add_option("--overlay", options.overlay, "Lay this overlay (YAML) over it");
  };
  CLI::App* match =
      rules.add_subcommand("match", "Says what contacts with hosts mean, one JSON object a line");
  match->footer("Example: gnomon rules match trello.com app.asana.com");
  auto match_options = std::make_shared<AskOptions>();
  match->add_option("host", match_options->hosts, "Hosts (default: lines of standard input)");
  match->add_flag("--all", match_options->all, "Also meaning, provider, rule and owner of tenants");
  source(match, *match_options);
  match->callback([match_options, &exit_code] { exit_code = match_hosts(*match_options); });

  CLI::App* explain =
      rules.add_subcommand("explain", "Says which rule names a host, why, and what almost did");
  explain->footer("Example: gnomon rules explain www.acme.slack.com");
  auto explain_options = std::make_shared<AskOptions>();
  explain->add_option("host", explain_options->hosts, "Hosts")->required();
  source(explain, *explain_options);
  explain->callback([explain_options, &exit_code] { exit_code = explain_hosts(*explain_options); });

  CLI::App* fresh = rules.add_subcommand("new", "Writes a template for a tool, from a host seen");
  fresh->footer("Example: gnomon rules new app.newtool.com > rules/tools/newtool.yaml");
  auto new_options = std::make_shared<AskOptions>();
  fresh->add_option("host", new_options->hosts, "Host seen")->required();
  source(fresh, *new_options);
  fresh->callback([new_options, &exit_code] { exit_code = new_tool(*new_options); });

  CLI::App* stats = rules.add_subcommand("stats", "Counts tools, hosts, roles and depth");
  stats->footer(
      "Example: gnomon rules stats\n"
      "         gnomon rules stats my-rules --json");
  auto stats_options = std::make_shared<StatsOptions>();
  auto* folder = stats->add_option(
      "folder", stats_options->folder,
      "Rules folder (default: 'rules' where it is there, else the installed pack)");
  stats->add_option("--rules", stats_options->place.pack, "Count this rule pack")->excludes(folder);
  stats->add_option("--trust", stats_options->place.trust, "Its trust file");
  stats->add_flag("--json", stats_options->json, "As one JSON object");
  stats->callback([stats_options, &exit_code] { exit_code = count_rules(*stats_options); });

  CLI::App* diff = rules.add_subcommand("diff", "Says what changed between two packs");
  diff->footer("Example: gnomon rules diff old.pack new.pack --trust keys/catalogue.trust");
  auto diff_options = std::make_shared<DiffOptions>();
  diff->add_option("old", diff_options->before, "Older pack")->required();
  diff->add_option("new", diff_options->after, "Newer pack")->required();
  diff->add_option("--trust", diff_options->trust, "Trust file of both");
  diff->callback([diff_options, &exit_code] { exit_code = diff_packs(*diff_options); });
}

}  // namespace

void add_rules(CLI::App& app, int& exit_code) {
  CLI::App* rules = app.add_subcommand("rules", "The catalogue: check, compile, ask");
  rules->require_subcommand(1);
  rules->footer(
      "Example: gnomon rules explain www.acme.slack.com\n"
      "Each command has its own --help.");
  add_check(*rules, exit_code);
  add_compile(*rules, exit_code);
  add_overlay(*rules, exit_code);
  add_keys(*rules, exit_code);
  add_questions(*rules, exit_code);
}

}  // namespace gnomon::cli
