// gnomon analyze: what is in capture files, with no collector and no set-up.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/capture/first_packet.h"
#include "cli/analysis.h"
#include "cli/capture_walk.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "core/catalog/default_pack.h"

#include <CLI/CLI.hpp>

namespace gnomon::cli {

namespace {

struct AnalyzeOptions {
  Format format = Format::table;
  bool sightings = false;
  bool counters = false;
  PackPlace place;
  std::vector<std::string> files;
};

void say(const std::string& text) {
  static_cast<void>(std::fprintf(stderr, "gnomon: %s\n", text.c_str()));
}

// worth is the exit code that a file's failure is worth: what is damaged gave what it held.
int worth(const CaptureError& error) {
  return error.kind == CaptureError::Kind::damaged ? kPartly : kImpossible;
}

// in_time_order puts the files in the order of their first packets, for several files are one
// workstation's history. Those that cannot be told stay behind, in the order given.
std::vector<std::string> in_time_order(const std::vector<std::string>& files) {
  if (files.size() < 2) {
    return files;
  }
  std::vector<std::pair<WallTime, std::string>> order;
  for (const std::string& file : files) {
    const auto first = file == "-" ? std::nullopt : [&]() -> std::optional<WallTime> {
      const auto time = first_packet_time(file);
      return time ? *time : std::nullopt;
    }();
    order.emplace_back(first.value_or(WallTime::max()), file);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> sorted;
  sorted.reserve(order.size());
  for (auto& [first, file] : order) {
    sorted.push_back(std::move(file));
  }
  return sorted;
}

int analyze(const AnalyzeOptions& options) {
  Output output{STDOUT_FILENO};
  std::unique_ptr<Analysis> analysis;
  std::vector<std::string> files = options.files;
  if (options.sightings) {
    analysis = make_sightings_analysis(options.format, output);
  } else {
    auto pack = load_pack(options.place);
    if (!pack) {
      say(pack.error().text);
      return kImpossible;
    }
    analysis = make_tools_analysis(std::move(*pack), options.format, output);
    files = in_time_order(files);
  }
  CaptureWalk walk{*analysis};
  int exit_code = kDone;
  bool any_read = false;
  for (const std::string& file : files) {
    const auto failed = walk.read(file);
    const int code = failed ? worth(*failed) : kDone;
    if (failed) {
      // Before the warning goes out, so does what the file held.
      output.flush();
      say((code == kPartly ? "warning: " : "") + failed->text);
      exit_code = std::max(exit_code, code);
    }
    any_read = any_read || code != kImpossible;
  }
  // Where nothing was read there is nothing to say of it, not even that no tool was seen.
  if (any_read) {
    analysis->finish();
  }
  output.flush();
  if (!output.ok()) {
    say("cannot write to standard output");
    return kImpossible;
  }
  if (options.counters) {
    static_cast<void>(std::fputs(walk.counters().render().c_str(), stderr));
  }
  return exit_code;
}

}  // namespace

void add_analyze(CLI::App& app, int& exit_code) {
  const auto options = std::make_shared<AnalyzeOptions>();
  CLI::App* command = app.add_subcommand("analyze", "Show what is in capture files");
  command->footer(
      "Reads pcap and pcapng, also packed by gzip or zstd; - is standard input. Several files\n"
      "are one workstation's history.\n\n"
      "Examples:\n"
      "  gnomon analyze capture.pcap\n"
      "  gnomon analyze --sightings --format json monday.pcapng tuesday.pcapng.zst\n"
      "  tcpdump -w - 'port 53 or port 443' | gnomon analyze --sightings -\n\n"
      "Exit code: 0 all files were read; 1 one was cut short or damaged, and what it held is\n"
      "shown; 2 one could not be read.");
  const std::map<std::string, Format> formats = {
      {"table", Format::table}, {"json", Format::json}, {"csv", Format::csv}};
  command->add_option("--format", options->format, "table (for people), json (a line each) or csv")
      ->transform(CLI::CheckedTransformer(formats).description(""))
      ->type_name("FORMAT");
  command->add_flag("--sightings", options->sightings,
                    "every host name that was seen, instead of tools");
  command->add_option("--rules", options->place.pack, "rule pack (default: the installed one)")
      ->type_name("PACK");
  command->add_option("--trust", options->place.trust, "who may sign it")->type_name("FILE");
  command->add_flag("--counters", options->counters,
                    "also say, on standard error, what became of every packet");
  command->add_option("FILE", options->files, "capture files")->required()->type_name("");
  command->callback([options, &exit_code] { exit_code = analyze(*options); });
}

}  // namespace gnomon::cli
