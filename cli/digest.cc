// gnomon digest: the week in five minutes, from a collector's data folder or from a running one.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cli/commands.h"
#include "cli/fetch.h"
#include "collector/digest/digests.h"
#include "collector/digest/document.h"
#include "collector/store/store.h"
#include "collector/unknowns/unknown_list.h"
#include "core/catalog/default_pack.h"

#include <CLI/CLI.hpp>

namespace gnomon::cli {
namespace {

struct Options {
  std::string data;
  std::string server;
  std::string week;
  std::string format = "text";
  std::string language = "en";
  std::string rules;
  std::string trust;
  bool current = false;
};

constexpr std::size_t kMaxDigestBytes = std::size_t{8} << 20;

int fail(const std::string& text) {
  static_cast<void>(std::fprintf(stderr, "gnomon digest: %s\n", text.c_str()));
  return kImpossible;
}

// week_of_options is the week asked for: a named one, or by default the last complete one.
std::optional<Week> week_of_options(const Options& options, Week current) {
  if (options.week.empty()) {
    return options.current ? current : previous(current);
  }
  return parse_week(options.week);
}

using Made = Result<Digest, std::string>;

Made from_server(const Options& options) {
  const SystemClock clock;
  const auto week = week_of_options(options, week_of(Calendar::local().day_of(clock.wall())));
  if (!week) {
    return Failure{"'" + options.week + "' is no week like 2026-W47"};
  }
  std::string base = options.server;
  while (!base.empty() && base.back() == '/') {
    base.pop_back();
  }
  const auto body = fetch(base + "/api/v1/digests/" + to_string(*week), kMaxDigestBytes);
  if (!body) {
    return Failure{body.error()};
  }
  auto digest = parse_digest_json(*body);
  if (!digest) {
    return Failure{base + " did not answer with a digest that this version can read"};
  }
  return std::move(*digest);
}

Result<std::shared_ptr<const RulePack>, std::string> pack_of(const Options& options) {
  if (options.rules.empty() && options.trust.empty() && !find_default_pack()) {
    return std::shared_ptr<const RulePack>{};
  }
  auto pack = load_pack({options.rules, options.trust});
  if (!pack) {
    return Failure{pack.error().text};
  }
  return std::move(*pack);
}

Made from_folder(const Options& options) {
  SystemClock clock;
  Counters counters;
  StoreOptions store_options;
  store_options.directory = options.data + "/store";
  store_options.read_only = true;
  const auto store = Store::open(store_options, clock, counters);
  if (!store) {
    return Failure{store.error().text};
  }
  // Weeks are those of the collector's zone, wherever this is run.
  // NOLINTNEXTLINE(concurrency-mt-unsafe): the read-only store has no threads of ours
  static_cast<void>(::setenv("TZ", (*store)->snapshot()->facts().zone.c_str(), 1));
  ::tzset();
  const auto pack = pack_of(options);
  if (!pack) {
    return Failure{pack.error()};
  }
  const Query query{**store, *pack, clock};
  const Review review{**store, clock};
  const UnknownList unknowns{**store, **store, [&pack] { return *pack; }, clock};
  const Digests digests{query, review, **store, clock, DigestPolicy{}, &unknowns};
  const auto week = week_of_options(options, query.current_week());
  if (!week) {
    return Failure{"'" + options.week + "' is no week like 2026-W47"};
  }
  auto digest = digests.of(*week, false);
  if (!digest) {
    return Failure{digest.error().text()};
  }
  return std::move(*digest);
}

std::string rendered(const Digest& digest, const std::string& format) {
  if (format == "json") {
    return digest_json(digest);
  }
  const Document document = make_document(digest);
  if (format == "md") {
    return render_markdown(document);
  }
  if (format == "html") {
    return render_mail(document);
  }
  TextOptions text;
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment any more
  text.color = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
  return render_text(document, text);
}

int run(const Options& options) {
  if (options.data.empty() == options.server.empty()) {
    return fail("name either --data DIR or --server URL");
  }
  if (options.language != "en") {
    return fail("the digest is not translated into '" + options.language + "' yet; there is en");
  }
  const Made digest = options.server.empty() ? from_folder(options) : from_server(options);
  if (!digest) {
    return fail(digest.error());
  }
  const std::string text = rendered(*digest, options.format);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return fail("the output cannot be written");
  }
  return kDone;
}

}  // namespace

void add_digest(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  CLI::App& command = *app.add_subcommand(
      "digest",
      "Print the digest of a week: new tools, likely sign-ups, what grows, what was decided\n"
      "Example: gnomon digest --server http://127.0.0.1:7480 --week 2026-W47");
  command.add_option("--data", options->data, "The collector's data folder");
  command.add_option("--server", options->server, "URL of a running collector");
  command.add_option("--week", options->week, "ISO week; default: the last complete one");
  command.add_flag("--current", options->current, "The week we live in, as far as it goes");
  command.add_option("--format", options->format, "text, md, html (for mail) or json")
      ->check(CLI::IsMember({"text", "md", "html", "json"}))
      ->capture_default_str();
  command.add_option("--lang", options->language, "Language; en")->capture_default_str();
  command.add_option("--rules", options->rules, "Rule pack that names the tools, with --data");
  command.add_option("--trust", options->trust, "Its trust file");
  command.callback([options, &exit_code] { exit_code = run(*options); });
}

}  // namespace gnomon::cli
