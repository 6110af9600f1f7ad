#include "collector/own_rules.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <utility>

#include "collector/overlay_keys.h"
#include "core/catalog/pack_file.h"
#include "core/counted.h"
#include "core/log.h"
#include "core/rulebook/compile.h"

namespace gnomon {
namespace {

// An overlay is signed anew when half of its life is over.
constexpr std::chrono::days kOverlayLife{365};

std::uint32_t minute_of(WallTime time) {
  return static_cast<std::uint32_t>(
      std::chrono::floor<std::chrono::minutes>(time.time_since_epoch()).count());
}

// sentence_of tells the first error and how many more there are.
std::string sentence_of(const std::string& file, const std::vector<Finding>& findings) {
  const auto errors = std::count_if(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.severity == Severity::error;
  });
  const auto first = std::find_if(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.severity == Severity::error;
  });
  std::string text = first->to_line();
  if (errors > 1) {
    text += "; and " + counted(static_cast<std::size_t>(errors) - 1, "error", "errors") +
            " more: gnomon rules overlay check " + file + " tells them";
  }
  return text;
}

}  // namespace

OwnRules::OwnRules(FileSystem& files, const Clock& clock, OwnRulesOptions options,
                   std::shared_ptr<const RulePack> catalogue, std::unique_ptr<OverlayKeys> keys)
    : files_(files),
      clock_(clock),
      options_([&] {
        OwnRulesOptions full = std::move(options);
        full.file = full.file.empty() ? kUsualOverlay : full.file;
        return full;
      }()),
      file_is_named_(options_.file != kUsualOverlay),
      catalogue_(std::move(catalogue)),
      keys_(std::move(keys)) {}

OwnRules::~OwnRules() = default;

Result<std::unique_ptr<OwnRules>, std::string> OwnRules::open(
    FileSystem& files, const Clock& clock, OwnRulesOptions options,
    std::shared_ptr<const RulePack> catalogue) {
  if (const auto made = files.make_directory(options.key_directory); !made) {
    return Failure{made.error().text()};
  }
  auto keys = OverlayKeys::open(files, options.key_directory, clock.wall());
  if (!keys) {
    return Failure{keys.error()};
  }
  std::unique_ptr<OwnRules> rules{new OwnRules{files, clock, std::move(options),
                                               std::move(catalogue),
                                               std::make_unique<OverlayKeys>(std::move(*keys))}};
  if (auto problem = rules->open_stored()) {
    return Failure{std::move(problem->text)};
  }
  return rules;
}

std::optional<Reading> OwnRules::open_stored() {
  const auto there = files_.exists(options_.pack);
  if (there && !*there) {
    return std::nullopt;
  }
  auto bytes = read_whole_file(files_, options_.pack, kMaxPackBytes);
  if (!bytes) {
    return refused(bytes.error().text());
  }
  auto overlay = OverlayPack::from_bytes(bytes_of(*bytes), keys_->trust());
  if (!overlay) {
    // Signed by nobody we know, or damaged: the file is the truth, and is read next.
    log::warn("overlay.stored_not_used", {{"why", overlay.error().text}});
    return std::nullopt;
  }
  overlay_ = std::move(*overlay);
  bytes_ = std::move(*bytes);
  return std::nullopt;
}

Reading OwnRules::read_file() {
  const std::lock_guard lock{mutex_};
  Reading reading = read_now();
  if (reading.what == Reading::What::refused && reading.text != last_.text) {
    log::error("overlay.refused", {{"why", reading.text}});
  } else if (reading.what == Reading::What::taken) {
    log::info("overlay.taken", {{"version", overlay_->version()}});
  }
  last_ = reading;
  return reading;
}

Reading OwnRules::read_now() {
  const auto there = files_.exists(options_.file);
  std::string text;
  if (there && *there) {
    auto read = read_whole_file(files_, options_.file, kMaxOverlayText);
    if (!read) {
      return refused("the overlay cannot be read: " + read.error().text());
    }
    text = std::move(*read);
  } else if (!there || file_is_named_) {
    return refused("there is no overlay file " + options_.file);
  } else if (overlay_ == nullptr) {
    return {Reading::What::none, "the company has no rules of its own (" + options_.file + ")"};
  } else {
    text = "sanctioned: []\n";
  }
  LoadOptions load;
  const WallTime now = clock_.wall();
  load.today = std::chrono::floor<std::chrono::days>(now);
  const LoadedOverlay loaded = load_overlay(options_.file, text, *catalogue_, load);
  if (!loaded.ok()) {
    return refused(sentence_of(options_.file, loaded.findings));
  }
  CompileOptions compile;
  compile.signers = {keys_->key()};
  compile.roots = keys_->records();
  if (overlay_ != nullptr) {
    // The same rules under the same manifest give the same bytes.
    const auto parts = take_apart(bytes_of(bytes_));
    compile.manifest = parts ? parts->manifest : Manifest{};
    const auto same = compile_overlay(loaded.book, compile);
    if (text_of(same) == bytes_ && compile.manifest.expires - now > kOverlayLife / 2) {
      return {Reading::What::unchanged, in_use_text()};
    }
  }
  compile.manifest = next_manifest();
  return take(compile_overlay(loaded.book, compile));
}

Manifest OwnRules::next_manifest() const {
  const WallTime now = clock_.wall();
  Manifest manifest;
  manifest.version = std::max(minute_of(now), overlay_ != nullptr ? overlay_->version() + 1 : 1);
  manifest.created = std::chrono::floor<std::chrono::seconds>(now);
  manifest.expires = manifest.created + kOverlayLife;
  return manifest;
}

Reading OwnRules::replace_keys() {
  const std::lock_guard lock{mutex_};
  if (const auto replaced = keys_->replace(files_, clock_.wall()); !replaced) {
    last_ = refused("the overlay's keys were not replaced: " + replaced.error());
    return last_;
  }
  log::info("overlay.keys_replaced", {{"root_version", keys_->trust().root_version}});
  // What is in use is signed anew, whatever became of the file; with nothing in use an empty
  // overlay tells the agents of the new keys.
  std::vector<std::uint8_t> pack;
  if (const auto parts = take_apart(bytes_of(bytes_)); overlay_ != nullptr && parts) {
    pack = seal_pack(parts->body, PackKind::overlay, next_manifest(), keys_->records(),
                     {keys_->key()});
  } else {
    CompileOptions compile;
    compile.signers = {keys_->key()};
    compile.roots = keys_->records();
    compile.manifest = next_manifest();
    pack = compile_overlay(Rulebook{}, compile);
  }
  last_ = take(pack);
  if (last_.what == Reading::What::taken) {
    last_.text = "new keys, number " + std::to_string(keys_->trust().root_version) + "; " +
                 last_.text + ". Agents follow when they take it; back up " +
                 options_.key_directory + " now";
  }
  return last_;
}

std::string OwnRules::trust() const {
  const std::lock_guard lock{mutex_};
  return keys_->trust().root_text;
}

Reading OwnRules::take(const std::vector<std::uint8_t>& pack) {
  // Opened as an agent will, before anything is replaced.
  auto overlay = OverlayPack::from_bytes(pack, keys_->trust());
  if (!overlay) {
    return refused(overlay.error().text);
  }
  if (const auto stored = replace_file(files_, options_.pack, text_of(pack)); !stored) {
    return refused("the overlay cannot be stored: " + stored.error().text());
  }
  overlay_ = std::move(*overlay);
  bytes_ = std::string{text_of(pack)};
  return {Reading::What::taken, in_use_text()};
}

Reading OwnRules::refused(std::string text) const {
  if (overlay_ != nullptr) {
    text += "; version " + std::to_string(overlay_->version()) + " stays in use";
  }
  return {Reading::What::refused, std::move(text)};
}

std::string OwnRules::in_use_text() const {
  return "version " + std::to_string(overlay_->version()) + " of " + options_.file +
         " is in use: " + counted(overlay_->own_tools().size(), "own tool", "own tools") + ", " +
         counted(overlay_->tenants(), "tenant", "tenants") + ", " +
         std::to_string(overlay_->sanctioned().size()) + " sanctioned";
}

Reading OwnRules::last() const {
  const std::lock_guard lock{mutex_};
  return last_;
}

std::shared_ptr<const OverlayPack> OwnRules::overlay() const {
  const std::lock_guard lock{mutex_};
  return overlay_;
}

std::string OwnRules::bytes() const {
  const std::lock_guard lock{mutex_};
  return bytes_;
}

std::shared_ptr<const RulePack> OwnRules::rules() const {
  const auto over = overlay();
  return over == nullptr ? catalogue_ : with_overlay(catalogue_, over);
}

Result<std::size_t, ReviewError> follow_list(Review& review, const OverlayPack& overlay,
                                             const RulePack& rules) {
  const auto failed = [](const IoError& error) {
    return Failure{ReviewError{ReviewFault::disk, error.text()}};
  };
  const auto record = review.record();
  if (!record) {
    return failed(record.error());
  }
  // By tool: did the list's latest word put it on the list, and is that still what holds?
  std::map<std::string, bool, std::less<>> listed_before;
  std::map<std::string, const StandingRecord*, std::less<>> latest;
  for (const StandingRecord& entry : *record) {
    latest[entry.change.tool] = &entry;
    if (entry.change.by == kListAuthor) {
      listed_before[entry.change.tool] = entry.change.standing == Standing::sanctioned;
    }
  }
  std::set<std::string, std::less<>> listed;
  std::size_t changed = 0;
  for (const std::string_view id : overlay.sanctioned()) {
    if (!rules.find_tool(id)) {
      continue;  // the catalogue has lost it
    }
    listed.emplace(id);
    const auto before = listed_before.find(id);
    const auto now = latest.find(id);
    if ((before != listed_before.end() && before->second) ||
        (now != latest.end() && now->second->change.standing == Standing::sanctioned)) {
      continue;
    }
    StandingChange change;
    change.tool = id;
    change.standing = Standing::sanctioned;
    change.by = kListAuthor;
    change.reason = "It is on the company's own list of sanctioned tools.";
    if (const auto saved = review.decide(change); !saved) {
      return Failure{saved.error()};
    }
    ++changed;
  }
  for (const auto& [id, entry] : latest) {
    if (entry->change.by != kListAuthor || entry->change.standing != Standing::sanctioned ||
        listed.contains(id)) {
      continue;
    }
    const auto saved =
        review.go_back(id, kListAuthor, "It left the company's own list of sanctioned tools.");
    if (!saved) {
      return Failure{saved.error()};
    }
    ++changed;
  }
  return changed;
}

}  // namespace gnomon
