// OwnRules: the company's own rules at the collector, from the file people edit to a signed
// overlay.

#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "collector/review/review.h"
#include "core/catalog/overlay.h"
#include "core/catalog/rule_pack.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/result.h"

namespace gnomon {

class OverlayKeys;
struct Manifest;

// kUsualOverlay is read when nobody names another file, and it is there.
constexpr const char* kUsualOverlay = "/etc/gnomon/overlay.yaml";

// kMaxOverlayText bounds the YAML: a thousand tools of ten hosts each are about 1 MiB.
constexpr std::size_t kMaxOverlayText = std::size_t{4} << 20;

struct OwnRulesOptions {
  std::string file;  // the YAML people edit; empty: kUsualOverlay, and its absence is no fault
  std::string key_directory;  // of the keys that sign it (overlay_keys.h); made when missing
  std::string pack;           // the signed overlay in use
};

// Reading is what became of the file when it was last read.
struct Reading {
  enum class What : std::uint8_t {
    none,       // there is no file, and there never was an overlay
    unchanged,  // it says what the overlay in use says
    taken,      // a new overlay is in use
    refused,    // it is wrong, or could not be stored; the overlay before it stays in use
  };
  What what = What::none;
  std::string text;  // one or two sentences: what is in use, or why not and what to do
};

// OwnRules makes an overlay of its own keys, which sign nothing else: agents learn them when they
// enrol, and take no catalogue that they signed. An overlay's version is the minute it was made
// (since 1970), so that it grows also when the data folder was restored from an older backup.
//
// An overlay file that has gone leaves an empty overlay: agents cannot forget one, only replace it.
// Safe from every thread.
class OwnRules {
 public:
  // open reads or makes the keys and opens the overlay of an earlier run. `catalogue` is what
  // overlays are checked against. A sentence when that fails.
  static Result<std::unique_ptr<OwnRules>, std::string> open(
      FileSystem& files, const Clock& clock, OwnRulesOptions options,
      std::shared_ptr<const RulePack> catalogue);

  OwnRules(const OwnRules&) = delete;
  OwnRules& operator=(const OwnRules&) = delete;
  ~OwnRules();

  // read_file reads the file, and takes what it says into use when that is new and right.
  Reading read_file();

  // replace_keys makes new keys and signs with them what is in use. `taken`: agents that open it
  // trust the new keys alone from then on; `refused`: nothing changed, and why.
  Reading replace_keys();

  // last is the outcome of the latest read_file() or replace_keys().
  Reading last() const;
  const std::string& file() const { return options_.file; }

  // trust is the root record that agents get when they enrol.
  std::string trust() const;

  // overlay is the one in use, null when there is none; bytes is its file.
  std::shared_ptr<const OverlayPack> overlay() const;
  std::string bytes() const;

  // rules is the catalogue with the overlay over it.
  std::shared_ptr<const RulePack> rules() const;

 private:
  OwnRules(FileSystem& files, const Clock& clock, OwnRulesOptions options,
           std::shared_ptr<const RulePack> catalogue, std::unique_ptr<OverlayKeys> keys);

  Reading read_now();
  Manifest next_manifest() const;
  Reading refused(std::string text) const;
  std::optional<Reading> open_stored();
  Reading take(const std::vector<std::uint8_t>& pack);
  std::string in_use_text() const;

  FileSystem& files_;
  const Clock& clock_;
  const OwnRulesOptions options_;
  const bool file_is_named_;
  const std::shared_ptr<const RulePack> catalogue_;  // shared: packs always are
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::unique_ptr<OverlayKeys> keys_;
  std::shared_ptr<const OverlayPack> overlay_;  // shared: packs always are
  std::string bytes_;
  Reading last_;
};

// kListAuthor is who decides, in the audit record, when the overlay's list of sanctioned tools
// does.
constexpr const char* kListAuthor = "overlay";

// follow_list makes the standings say what the overlay's list of sanctioned tools says, by
// decisions of their own: a tool that came onto the list becomes sanctioned, and one that left it
// goes back to what it was before the list. What people decide about a tool that is on the list
// stands. Yields how many standings changed.
Result<std::size_t, ReviewError> follow_list(Review& review, const OverlayPack& overlay,
                                             const RulePack& rules);

}  // namespace gnomon
