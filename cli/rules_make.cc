#include "cli/rules_make.h"

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <optional>

#include "cli/commands.h"
#include "cli/rules_common.h"
#include "core/catalog/overlay.h"
#include "core/catalog/trust.h"
#include "core/counted.h"
#include "core/rulebook/compile.h"

namespace gnomon::cli {
namespace {

// read_keys reads all or none.
std::optional<std::vector<SecretKey>> read_keys(const std::vector<std::string>& paths) {
  std::vector<SecretKey> keys;
  for (const std::string& path : paths) {
    auto key = read_key(path);
    if (!key) {
      return std::nullopt;
    }
    keys.push_back(std::move(*key));
  }
  return keys;
}

// usual_version is the day and 00: 2026112200.
std::uint32_t usual_version(WallTime created) {
  const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(created)};
  return (static_cast<std::uint32_t>(static_cast<int>(date.year())) * 10000 +
          static_cast<unsigned>(date.month()) * 100 + static_cast<unsigned>(date.day())) *
         100;
}

Manifest manifest_of(WallTime created, std::uint32_t version, int days) {
  Manifest manifest;
  manifest.created = std::chrono::floor<std::chrono::seconds>(created);
  manifest.expires = manifest.created + std::chrono::days{days};
  manifest.version = version != 0 ? version : usual_version(created);
  return manifest;
}

int report_pack(const std::string& path, std::size_t size, const Manifest& manifest,
                bool is_signed) {
  std::cout << path << ": version " << manifest.version << ", " << size << " bytes, expires "
            << format_time(manifest.expires) << (is_signed ? "" : ", not signed yet") << "\n";
  return kDone;
}

}  // namespace

int check_rules(const CheckOptions& options) {
  const LoadedRules loaded = load_rules(options.folder, load_options(options.suffixes));
  std::vector<Finding> findings = loaded.findings;
  if (loaded.errors() == 0) {
    const auto more = check_answers(loaded.book, *preview(loaded.book));
    findings.insert(findings.end(), more.begin(), more.end());
  }
  print_findings(findings);
  return loaded.errors() > 0 || (options.strict && !findings.empty()) ? kPartly : kDone;
}

int compile_rules(const CompileCommand& options) {
  const LoadedRules loaded = load_rules(options.folder, load_options(options.suffixes));
  if (loaded.errors() > 0) {
    print_findings(loaded.findings);
    return complain("no pack was made; mend the errors first");
  }
  CompileOptions compile;
  const auto created = options.created.empty() ? source_time() : parse_time(options.created);
  if (!created) {
    return complain("--created must read like 2026-11-22 or 2026-11-22T08:00:00Z");
  }
  compile.manifest = manifest_of(*created, options.version, options.days);
  auto keys = read_keys(options.keys);
  if (!keys) {
    return kImpossible;
  }
  compile.signers = std::move(*keys);
  for (const std::string& path : options.roots) {
    const auto root = read_trust(path);
    if (!root) {
      return complain(path + ": " + root.error().text);
    }
    compile.roots.push_back(root->root_text);
  }
  const std::vector<std::uint8_t> pack = compile_pack(loaded.book, compile);
  if (!write_bytes(options.out, pack)) {
    return kImpossible;
  }
  return report_pack(options.out, pack.size(), compile.manifest, !compile.signers.empty());
}

int check_overlay_file(const OverlayCommand& options) {
  const auto base = load_pack(options.place);
  if (!base) {
    return complain(base.error().text);
  }
  const auto text = read_text(options.file);
  if (!text) {
    return kImpossible;
  }
  const LoadedOverlay loaded = load_overlay(options.file, *text, **base, load_options(""));
  std::vector<Finding> findings = loaded.findings;
  const auto reach = check_reach(loaded.book, options.file, **base);
  findings.insert(findings.end(), reach.begin(), reach.end());
  print_findings(findings);
  const PackContent& content = loaded.book.content;
  const auto own = static_cast<std::size_t>(
      std::count_if(content.tools.begin(), content.tools.end(),
                    [](const ToolRecord& tool) { return (tool.flags & kToolOfBase) == 0; }));
  std::cout << counted(own, "own tool", "own tools") << ", "
            << counted(content.rules.size(), "host", "hosts") << ", "
            << counted(content.tenants.size(), "tenant of ours", "tenants of ours") << ", "
            << content.sanctioned.size() << " sanctioned; held against version "
            << (*base)->version() << " of the catalogue\n";
  return loaded.ok() ? kDone : kPartly;
}

int compile_overlay_file(const OverlayCommand& options) {
  const auto base = load_pack(options.place);
  if (!base) {
    return complain(base.error().text);
  }
  const auto text = read_text(options.file);
  auto keys = text ? read_keys(options.keys) : std::nullopt;
  if (!keys) {
    return kImpossible;
  }
  const LoadedOverlay loaded = load_overlay(options.file, *text, **base, load_options(""));
  print_findings(loaded.findings, false);
  if (!loaded.ok()) {
    return complain("no overlay was made; mend the errors first");
  }
  CompileOptions compile;
  compile.manifest = manifest_of(source_time(), options.version, options.days);
  compile.signers = std::move(*keys);
  const std::vector<std::uint8_t> pack = compile_overlay(loaded.book, compile);
  if (!write_bytes(options.out, pack)) {
    return kImpossible;
  }
  return report_pack(options.out, pack.size(), compile.manifest, !compile.signers.empty());
}

int sign_pack(const SignCommand& options) {
  const auto bytes = read_pack_bytes(options.pack);
  if (!bytes) {
    return complain(bytes.error().text);
  }
  const auto parts = take_apart(*bytes);
  if (!parts) {
    return complain(options.pack + ": " + parts.error().text);
  }
  const auto keys = read_keys(options.keys);
  if (!keys) {
    return kImpossible;
  }
  const auto sealed = seal_pack(parts->body, parts->kind, parts->manifest, parts->roots, *keys);
  const std::string& out = options.out.empty() ? options.pack : options.out;
  return write_bytes(out, sealed) ? report_pack(out, sealed.size(), parts->manifest, true)
                                  : kImpossible;
}

int verify_pack(const VerifyCommand& options) {
  PackLimits limits;
  limits.min_version = options.min_version;
  limits.now = options.at.empty() ? SystemClock{}.wall() : parse_time(options.at);
  if (!limits.now) {
    return complain("--at must read like 2026-11-22 or 2026-11-22T08:00:00Z");
  }
  const auto pack = load_pack(options.place, limits);
  if (!pack) {
    std::cout << "refused (" << to_string(pack.error().fault) << "): " << pack.error().text << "\n";
    return kPartly;
  }
  std::cout << "good: version " << (*pack)->version() << ", made "
            << format_time((*pack)->created()) << ", expires " << format_time((*pack)->expires())
            << ", " << (*pack)->tool_count() << " tools and families, " << (*pack)->rule_count()
            << " rules\n";
  return kDone;
}

int make_keys(const KeygenCommand& options) {
  std::error_code error;
  std::filesystem::create_directories(options.folder, error);
  const std::string root_path = options.folder + "/root.key";
  if (std::filesystem::exists(root_path, error)) {
    return complain(root_path + " exists; keys are never overwritten, name another folder");
  }
  const SecretKey root = SecretKey::generate();
  const SecretKey pack = SecretKey::generate();
  std::vector<SecretKey> signers = {root};
  TrustedKeys keys;
  keys.root_version = 1;
  if (!options.previous.empty()) {
    const auto previous = read_trust(options.previous);
    if (!previous) {
      return complain(options.previous + ": " + previous.error().text);
    }
    keys.root_version = previous->root_version + 1;
    auto old_roots = read_keys(options.previous_roots);
    if (!old_roots) {
      return kImpossible;
    }
    signers.insert(signers.end(), old_roots->begin(), old_roots->end());
  }
  keys.root_keys = {root.public_key()};
  keys.keys = {pack.public_key()};
  keys.root_expires = std::chrono::floor<std::chrono::seconds>(SystemClock{}.wall()) +
                      std::chrono::days{options.days};
  const std::string record = make_root(keys, signers);
  if (!options.previous.empty()) {
    // Agents will follow from the previous root, or never: find out now.
    const auto previous = read_trust(options.previous);
    const auto followed = follow_roots(*previous, {record}, std::nullopt);
    if (!followed) {
      return complain("agents that trust " + options.previous + " would not follow: " +
                      followed.error().text + "; give its root keys with --previous-root");
    }
  }
  const std::string trust_path = options.folder + "/catalogue.trust";
  if (!write_bytes(root_path, bytes_of(root.to_text()), true) ||
      !write_bytes(options.folder + "/pack.key", bytes_of(pack.to_text()), true) ||
      !write_bytes(trust_path, bytes_of(record))) {
    return kImpossible;
  }
  std::cout << trust_path << ": root version " << keys.root_version << ", expires "
            << format_time(*keys.root_expires) << "\nKeep " << root_path
            << " offline; it is needed only to replace keys.\n";
  return kDone;
}

}  // namespace gnomon::cli
