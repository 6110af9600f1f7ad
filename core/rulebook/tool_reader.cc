// Reading tools, families and hosts.

#include <algorithm>
#include <charconv>

#include "core/catalog/label_meanings.h"
#include "core/catalog/words.h"
#include "core/rulebook/loader.h"

namespace gnomon {
namespace {

const std::vector<std::string_view> kAudiences = {"user", "guest", "both", "visitor"};
const std::vector<std::string_view> kConfidences = {"low", "medium", "high"};
const std::vector<std::string_view> kWeights = {"normal", "strong", "weak", "none"};
const std::vector<std::string_view> kTri = {"yes", "no", "unknown"};
const std::vector<std::string_view> kToolKeys = {
    "id",      "name",   "vendor",    "homepage", "category", "also",    "jobs",
    "plans",   "signin", "sso",       "data",     "exposure", "tenancy", "status",
    "checked", "hosts",  "sequences", "family",   "note"};

constexpr std::size_t kMaxWords = 20;  // categories and jobs of one tool

std::optional<std::chrono::sys_days> date_of(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') {
    return std::nullopt;
  }
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  const char* at = text.data();
  if (std::from_chars(at, at + 4, year).ptr != at + 4 ||
      std::from_chars(at + 5, at + 7, month).ptr != at + 7 ||
      std::from_chars(at + 8, at + 10, day).ptr != at + 10) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month},
                                         std::chrono::day{day}};
  return date.ok() ? std::optional<std::chrono::sys_days>{date} : std::nullopt;
}

}  // namespace

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

void Loader::read_tools(Reader& in, const YamlValue& root) {
  if (!in.keys(root, "a tools file", {"vendor", "family", "tools"})) {
    return;
  }
  const std::string vendor = in.need(root, "vendor", "the file");
  std::string family;
  if (const YamlValue* value = root.find("family")) {
    read_family(in, *value, vendor);
    family = in.text(*value, "id");
  }
  const auto* tools = in.items(root, "tools");
  if (tools == nullptr) {
    in.error(root.line, "missing", "the file has no list of 'tools'; add it");
    return;
  }
  for (const YamlValue& value : *tools) {
    read_tool(in, value, vendor, family);
  }
}

void Loader::read_family(Reader& in, const YamlValue& value, const std::string& vendor) {
  if (!in.keys(value, "family", {"id", "name", "homepage", "hosts", "note"})) {
    return;
  }
  ToolRecord family;
  family.id = in.need(value, "id", "the family");
  family.name = in.need(value, "name", "family " + family.id);
  family.homepage = in.need(value, "homepage", "family " + family.id);
  family.vendor = vendor;
  family.flags = kToolIsFamily;
  if (!add_id(in, value.line, family.id)) {
    return;
  }
  const Owner owner{"family " + family.id, static_cast<ToolIndex>(book_.content.tools.size()),
                    Meaning::family};
  book_.content.tools.push_back(std::move(family));
  book_.tool_places.push_back({in.file(), value.line});
  book_.checked.emplace_back();
  read_hosts(in, value, owner);
}

void Loader::read_tool(Reader& in, const YamlValue& value, const std::string& vendor,
                       const std::string& family) {
  if (!in.keys(value, "a tool", kToolKeys)) {
    return;
  }
  ToolRecord tool;
  tool.id = in.need(value, "id", "the tool");
  const std::string what = "tool " + tool.id;
  tool.name = in.need(value, "name", what);
  tool.homepage = in.need(value, "homepage", what);
  tool.vendor = in.text(value, "vendor");
  if (tool.vendor.empty()) {
    tool.vendor = vendor;
  }
  read_tool_facts(in, value, tool);
  const std::string checked = in.text(value, "checked");
  check_date(in, value, checked);
  if (!add_id(in, value.line, tool.id)) {
    return;
  }
  const auto index = static_cast<ToolIndex>(book_.content.tools.size());
  const std::string own_family = in.text(value, "family");
  if (!own_family.empty() || !family.empty()) {
    families_.push_back({index, own_family.empty() ? family : own_family, {in.file(), value.line}});
  }
  book_.content.tools.push_back(std::move(tool));
  book_.tool_places.push_back({in.file(), value.line});
  book_.checked.push_back(checked);
  read_hosts(in, value, {what, index, Meaning::tool});
  read_sequences(in, value, index);
}

void Loader::read_tool_facts(Reader& in, const YamlValue& value, ToolRecord& tool) {
  const std::vector<std::string_view> categories{category_ids_.begin(), category_ids_.end()};
  const std::vector<std::string_view> jobs{job_ids_.begin(), job_ids_.end()};
  if (const auto place = in.word(value, "category", categories)) {
    tool.category = static_cast<std::uint16_t>(*place);
  } else if (value.find("category") == nullptr) {
    in.error(value.line, "missing", "tool " + tool.id + " has no 'category'; add it");
  }
  for (const auto& [word, line] : in.list(value, "also")) {
    if (const auto place = in.place_of(word, line, "category", categories)) {
      tool.also.push_back(static_cast<std::uint16_t>(*place));
    }
  }
  for (const auto& [word, line] : in.list(value, "jobs")) {
    if (const auto place = in.place_of(word, line, "job", jobs)) {
      tool.jobs.push_back(static_cast<std::uint16_t>(*place));
    }
  }
  if (tool.also.size() > kMaxWords || tool.jobs.size() > kMaxWords) {
    in.error(value.line, "too-many", "tool " + tool.id + " has more than 20 categories or jobs");
    tool.also.clear();
    tool.jobs.clear();
  }
  if (tool.jobs.empty() && in.items(value, "jobs") == nullptr) {
    in.error(value.line, "missing", "tool " + tool.id + " has no 'jobs'; add at least one");
  }
  const auto bits = [&](std::string_view key, const std::vector<std::string_view>& words) {
    std::uint16_t result = 0;
    for (const auto& [word, line] : in.list(value, key)) {
      if (const auto place = in.place_of(word, line, key, words)) {
        result = static_cast<std::uint16_t>(result | (1U << *place));
      }
    }
    return result;
  };
  tool.data = bits("data", as_list(kDataWords));
  tool.exposure = bits("exposure", as_list(kExposureWords));
  if (const YamlValue* plans = value.find("plans");
      plans != nullptr && in.keys(*plans, "plans", {"free_tier", "self_signup"})) {
    const bool free_tier = in.word(*plans, "free_tier", kTri) == std::optional<std::size_t>{0};
    const bool self_signup = in.word(*plans, "self_signup", kTri) == std::optional<std::size_t>{0};
    tool.flags = static_cast<std::uint8_t>(tool.flags | (free_tier ? kToolFreeTier : 0) |
                                           (self_signup ? kToolSelfSignup : 0));
  }
  if (const YamlValue* signin = value.find("signin");
      signin != nullptr && in.keys(*signin, "signin", as_list(kSigninWords))) {
    for (std::size_t i = 0; i < kSigninWords.size(); ++i) {
      if (in.word(*signin, kSigninWords[i], kTri) == std::optional<std::size_t>{0}) {
        tool.signin = static_cast<std::uint16_t>(tool.signin | (1U << i));
      }
    }
  }
  if (const YamlValue* sso = value.find("sso");
      sso != nullptr && in.keys(*sso, "sso", {"saml", "scim"})) {
    tool.sso = static_cast<std::uint8_t>(in.word(*sso, "saml", as_list(kSsoWords)).value_or(0));
    static_cast<void>(in.word(*sso, "scim", as_list(kSsoWords)));
  }
  tool.tenancy =
      static_cast<std::uint8_t>(in.word(value, "tenancy", as_list(kTenancyWords)).value_or(0));
  if (const std::string status = in.text(value, "status"); !status.empty()) {
    const std::string_view rest = std::string_view{status}.substr(status.find(':') + 1);
    if (status != "active" && !(status.starts_with("renamed:") && is_id(rest)) &&
        !(status.starts_with("ended:") && rest.size() >= 4)) {
      in.error(value.find("status")->line, "unknown-word",
               "'status' is neither active nor \"renamed:<id>\" nor \"ended:<date>\"");
    }
    tool.status = status;
  }
}

void Loader::check_date(Reader& in, const YamlValue& value, const std::string& date) {
  if (date.empty()) {
    return;
  }
  const int line = value.find("checked")->line;
  const auto day = date_of(date);
  if (!day) {
    in.error(line, "bad-date", "'checked' is no date; write it as 2026-11-22");
  } else if (*day > options_.today + std::chrono::days{2}) {
    in.error(line, "bad-date", "'checked' lies in the future");
  } else if (*day < options_.today - std::chrono::days{366}) {
    in.warn(line, "stale",
            "last checked " + date +
                ", more than a year ago; look at the hosts again "
                "and set 'checked' to today");
  }
}

bool Loader::add_id(Reader& in, int line, const std::string& id) {
  if (!is_id(id)) {
    if (!id.empty()) {
      in.error(line, "bad-id", "the id '" + id + "' must be of a-z, 0-9 and -, at most 64");
    }
    return false;
  }
  for (std::size_t i = 0; i < book_.content.tools.size(); ++i) {
    const ToolRecord& other = book_.content.tools[i];
    if (other.id == id && (other.flags & kToolOfBase) == 0) {
      const Place& place = book_.tool_places[i];
      in.error(line, "duplicate-id",
               "the id '" + id + "' is also at " + place.file + ":" + std::to_string(place.line) +
                   "; ids are never shared, choose another");
      return false;
    }
  }
  return true;
}

void Loader::read_hosts(Reader& in, const YamlValue& value, const Owner& owner) {
  const auto* hosts = in.items(value, "hosts");
  if (hosts == nullptr || hosts->empty()) {
    in.error(value.line, "missing", owner.what + " has no 'hosts'; add at least its home domain");
    return;
  }
  for (const YamlValue& host : *hosts) {
    read_host(in, host, owner);
  }
}

std::optional<HostPattern> Loader::read_pattern(Reader& in, const YamlValue& value) {
  const std::string text = in.need(value, "host", "the entry");
  if (text.empty()) {
    return std::nullopt;
  }
  const int line = value.find("host")->line;
  auto pattern = HostPattern::parse(text);
  if (!pattern) {
    in.error(
        line, pattern.error() == PatternError::ip_literal ? "ip-literal" : "bad-pattern",
        "the pattern '" + text.substr(0, 260) + "' " + std::string{to_string(pattern.error())});
    return std::nullopt;
  }
  if (!valid_a_labels(pattern->fixed)) {
    in.error(line, "bad-idna",
             "'" + text + "' has an xn-- label that stands for no name; check it");
    return std::nullopt;
  }
  // Names below .arpa are addresses turned around: nobody registers them, and rules may name them.
  if (suffixes_ != nullptr && !pattern->fixed.ends_with(".arpa") &&
      suffixes_->is_registry(pattern->fixed)) {
    in.error(line, "public-suffix",
             "'" + text + "' covers a whole registry (" + pattern->fixed +
                 "), that is other people's domains; name the domain itself");
    return std::nullopt;
  }
  return std::move(*pattern);
}

void Loader::read_host(Reader& in, const YamlValue& value, const Owner& owner) {
  if (!in.keys(value, "a host of " + owner.what,
               {"host", "role", "audience", "conf", "shared_with", "weight", "reserved", "deny",
                "labels", "note"})) {
    return;
  }
  RuleRecord rule;
  auto pattern = read_pattern(in, value);
  const auto deny = in.word(value, "deny", {"true", "false", "yes", "no"});
  rule.meaning = deny && *deny % 2 == 0 ? Meaning::denied : owner.meaning;
  rule.tool = owner.tool;
  const auto role = in.word(value, "role", kRoleWords);
  if (rule.meaning == Meaning::denied) {
    if (role) {
      in.error(value.line, "deny-with-role", "a denied host has no role; leave one of them out");
    }
  } else if (!role) {
    if (value.find("role") == nullptr) {
      in.error(value.line, "missing", "a host of " + owner.what + " has no 'role'; add it");
    }
    return;
  } else {
    rule.role = *parse_role(kRoleWords[*role]);
    rule.audience = usual_audience(rule.role);
  }
  if (const auto audience = in.word(value, "audience", kAudiences)) {
    rule.audience = *parse_audience(kAudiences[*audience]);
  }
  if (const auto confidence = in.word(value, "conf", kConfidences)) {
    rule.confidence = static_cast<RuleConfidence>(*confidence + 1);
  }
  std::string note = in.text(value, "note");
  if (const auto weight = in.word(value, "weight", kWeights)) {
    rule.weight = static_cast<RuleWeight>(*weight);
    if (*weight != 0 && note.empty()) {
      in.error(value.line, "weight-without-note", "'weight' needs a 'note' that says why");
    }
  }
  for (const auto& [word, line] : in.list(value, "shared_with")) {
    if (const auto place = in.place_of(word, line, "role", kRoleWords)) {
      rule.shared_with = static_cast<std::uint16_t>(
          rule.shared_with | (1U << static_cast<unsigned>(*parse_role(kRoleWords[*place]))));
    }
  }
  for (const auto& [label, line] : in.list(value, "reserved")) {
    const auto legal = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    };
    if (label.empty() || label.size() > 63 || !std::all_of(label.begin(), label.end(), legal)) {
      in.error(line, "bad-reserved",
               "'" + label.substr(0, 80) + "' is no tenant label anyway; reserve single labels");
    } else if (rule.reserved.size() < kMaxRuleReserved) {
      rule.reserved.push_back(label);
    }
  }
  if (!pattern) {
    return;
  }
  if (!rule.reserved.empty() && !pattern->has_tenant) {
    in.error(value.line, "reserved-without-tenant",
             "'reserved' stands beside a pattern without {tenant}; leave it out");
  }
  if (const auto labels = in.word(value, "labels", {"yes", "no", "true", "false"});
      labels && *labels % 2 == 0) {
    rule.by_label = pattern->kind == PatternKind::suffix && rule.meaning != Meaning::denied;
    if (!rule.by_label) {
      in.error(value.line, "labels-without-suffix",
               "'labels' stands beside a pattern that covers nothing below it; use a suffix like "
               "'.example.com'");
    }
  }
  rule.pattern = std::move(*pattern);
  add_rule(in, value.line, std::move(rule), std::move(note));
}

void Loader::add_rule(Reader& in, int line, RuleRecord rule, std::string note) {
  if (book_.content.rules.size() >= kMaxRules) {
    in.error(line, "too-many", "there are more rules than a pack can hold");
    return;
  }
  book_.content.rules.push_back(std::move(rule));
  book_.rule_places.push_back({in.file(), line});
  book_.notes.push_back(std::move(note));
}

}  // namespace gnomon
