// Loader: reads the files of a rules folder into a Rulebook, one kind of file at a time. Internal
// to this folder; load_rules() is the door.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/rulebook/public_suffixes.h"
#include "core/rulebook/reader.h"
#include "core/rulebook/rulebook.h"

namespace gnomon {

// kMaxRuleReserved bounds the reserved labels of one rule: their number is one byte in a pack.
constexpr std::size_t kMaxRuleReserved = 255;

// kRoleWords are the roles as they are written in rules.
inline const std::vector<std::string_view> kRoleWords = {
    "site", "signup", "login", "app", "client", "api", "embed", "content", "link", "asset", "idp"};

// is_id tells whether `text` may be the id of a tool, family or sequence.
bool is_id(std::string_view text);

// Loader keeps what is read so far. Vocabulary (categories, jobs) comes first, tools need it.
class Loader {
 public:
  Loader(LoadOptions options, Rulebook& book, std::vector<Finding>& findings);

  void read_categories(Reader& in, const YamlValue& root);
  void read_jobs(Reader& in, const YamlValue& root);
  void read_reserved(Reader& in, const YamlValue& root);
  void read_meanings(Reader& in, const YamlValue& root);
  void read_model(Reader& in, const YamlValue& root);
  void read_tools(Reader& in, const YamlValue& root);
  void read_shared(Reader& in, const YamlValue& root);
  void read_idp(Reader& in, const YamlValue& root);
  void read_signals(Reader& in, const YamlValue& root);
  void read_blind_spots(Reader& in, const YamlValue& root);
  void read_noise(Reader& in, const YamlValue& root);
  void read_overlay(Reader& in, const YamlValue& root);

  // finish resolves what names other files (families, sequence steps) and checks across files.
  void finish();

  // Mention is an id that an overlay names and that something else must define.
  struct Mention {
    std::string id;
    int line = 0;
  };
  const std::vector<Mention>& mentions() const { return mentions_; }

  // use_vocabulary takes categories and jobs from elsewhere, for files that do not bring their own.
  void use_vocabulary(const std::vector<CategoryView>& categories,
                      const std::vector<JobView>& jobs);

 private:
  struct PendingFamily {
    ToolIndex tool = 0;
    std::string family;
    Place place;
  };
  struct PendingStep {
    std::size_t sequence = 0;
    std::size_t step = 0;
    std::string host;
    Place place;
  };

  // Who a list of hosts belongs to.
  struct Owner {
    std::string what;  // for findings: "tool trello"
    ToolIndex tool = 0;
    Meaning meaning = Meaning::tool;
  };

  void read_tool(Reader& in, const YamlValue& value, const std::string& vendor,
                 const std::string& family);
  void read_family(Reader& in, const YamlValue& value, const std::string& vendor);
  void read_tool_facts(Reader& in, const YamlValue& value, ToolRecord& tool);
  void read_hosts(Reader& in, const YamlValue& value, const Owner& owner);
  void read_host(Reader& in, const YamlValue& value, const Owner& owner);
  void read_sequences(Reader& in, const YamlValue& value, ToolIndex tool);
  void read_steps(Reader& in, const YamlValue& value, SequenceRecord& sequence);
  // read_plain reads hosts that are no tool's: host and note, and what `extra` allows.
  void read_plain(Reader& in, const YamlValue& root, std::string_view key, Meaning meaning,
                  const std::vector<std::string_view>& extra = {});
  void read_addresses(Reader& in, const YamlValue& value, std::uint16_t provider);
  std::optional<HostPattern> read_pattern(Reader& in, const YamlValue& value);
  std::uint16_t provider(const std::string& id, const std::string& name, AccountKind account);
  void add_rule(Reader& in, int line, RuleRecord rule, std::string note);
  bool add_id(Reader& in, int line, const std::string& id);
  void check_date(Reader& in, const YamlValue& value, const std::string& date);
  void read_provider(Reader& in, const YamlValue& value);
  void read_provider_host(Reader& in, const YamlValue& host, std::uint16_t provider);
  void read_correction(Reader& in, const YamlValue& value);
  void read_own_tenant(Reader& in, const YamlValue& value);
  ToolIndex reference(Reader& in, const std::string& id, int line);

  void resolve_families();
  void resolve_steps();
  void check_same_patterns();
  void check_pair(std::size_t first, std::size_t second);
  void check_roles();
  void check_lookalikes();
  void report(const Place& place, Severity severity, std::string code, std::string text);
  std::string name_of(std::size_t rule) const;

  LoadOptions options_;
  Rulebook& book_;
  std::vector<Finding>& findings_;
  std::unique_ptr<PublicSuffixes> suffixes_;
  std::vector<std::string> category_ids_;
  std::vector<std::string> job_ids_;
  std::vector<PendingFamily> families_;
  std::vector<PendingStep> steps_;
  std::vector<std::string> sequence_ids_;
  std::vector<Mention> mentions_;
};

}  // namespace gnomon
