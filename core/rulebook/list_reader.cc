// Reading everything that is not a tool: vocabulary, model, shared hosts, providers, signals,
// blind spots, noise.

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/rulebook/loader.h"

namespace gnomon {
namespace {

constexpr std::size_t kMaxReserved = 2000;
constexpr std::size_t kMaxProviders = 10'000;

std::optional<IpAddress> address_of(const std::string& text) {
  IpAddress address;
  address.is_v4 = text.find(':') == std::string::npos;
  if (inet_pton(address.is_v4 ? AF_INET : AF_INET6, text.c_str(), address.bytes.data()) != 1) {
    return std::nullopt;
  }
  return address;
}

std::optional<double> number_of(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

}  // namespace

void Loader::read_categories(Reader& in, const YamlValue& root) {
  const auto* items =
      in.keys(root, "the file", {"categories"}) ? in.items(root, "categories") : nullptr;
  if (items == nullptr) {
    return;
  }
  for (const YamlValue& value : *items) {
    if (!in.keys(value, "a category", {"id", "label", "martech"})) {
      continue;
    }
    CategoryRecord category;
    category.id = in.need(value, "id", "the category");
    category.label = in.need(value, "label", "category " + category.id);
    category.martech = in.word(value, "martech", {"yes", "no"}) == std::optional<std::size_t>{0};
    if (std::find(category_ids_.begin(), category_ids_.end(), category.id) != category_ids_.end()) {
      in.error(value.line, "duplicate-id", "the category '" + category.id + "' stands twice");
      continue;
    }
    category_ids_.push_back(category.id);
    book_.content.categories.push_back(std::move(category));
  }
}

void Loader::read_jobs(Reader& in, const YamlValue& root) {
  const auto* items = in.keys(root, "the file", {"jobs"}) ? in.items(root, "jobs") : nullptr;
  if (items == nullptr) {
    return;
  }
  const std::vector<std::string_view> categories{category_ids_.begin(), category_ids_.end()};
  for (const YamlValue& value : *items) {
    if (!in.keys(value, "a job", {"id", "label", "category"})) {
      continue;
    }
    JobRecord job;
    job.id = in.need(value, "id", "the job");
    job.label = in.need(value, "label", "job " + job.id);
    in.need(value, "category", "job " + job.id);
    const auto category = in.word(value, "category", categories);
    if (!category) {
      continue;
    }
    job.category = static_cast<std::uint16_t>(*category);
    if (std::find(job_ids_.begin(), job_ids_.end(), job.id) != job_ids_.end()) {
      in.error(value.line, "duplicate-id", "the job '" + job.id + "' stands twice");
      continue;
    }
    job_ids_.push_back(job.id);
    book_.content.jobs.push_back(std::move(job));
  }
}

void Loader::use_vocabulary(const std::vector<CategoryView>& categories,
                            const std::vector<JobView>& jobs) {
  for (const CategoryView& category : categories) {
    category_ids_.emplace_back(category.id);
    book_.content.categories.push_back(
        {std::string{category.id}, std::string{category.label}, category.martech});
  }
  for (const JobView& job : jobs) {
    const auto at = std::find(category_ids_.begin(), category_ids_.end(), job.category);
    job_ids_.emplace_back(job.id);
    book_.content.jobs.push_back({std::string{job.id}, std::string{job.label},
                                  static_cast<std::uint16_t>(at - category_ids_.begin())});
  }
}

void Loader::read_reserved(Reader& in, const YamlValue& root) {
  if (!in.keys(root, "the file", {"reserved", "meanings"})) {
    return;
  }
  if (root.find("meanings") != nullptr) {
    read_meanings(in, root);
  }
  for (const auto& [label, line] : in.list(root, "reserved")) {
    if (label.empty() || label.size() > 63 || label.find('.') != std::string::npos) {
      in.error(line, "bad-reserved", "'" + label.substr(0, 80) + "' is not a single label");
    } else if (book_.content.reserved.size() >= kMaxReserved) {
      in.error(line, "too-many", "there are more than 2000 reserved labels");
      return;
    } else {
      book_.content.reserved.push_back(label);
    }
  }
}

// read_meanings reads what common labels mean: a role, and the labels that have it.
void Loader::read_meanings(Reader& in, const YamlValue& root) {
  const auto* meanings = in.items(root, "meanings");
  if (meanings == nullptr) {
    return;
  }
  auto& labels = book_.content.labels;
  for (const YamlValue& value : *meanings) {
    if (!in.keys(value, "a meaning", {"role", "labels", "weak", "note"})) {
      continue;
    }
    const auto role = in.word(value, "role", kRoleWords);
    if (!role) {
      if (value.find("role") == nullptr) {
        in.error(value.line, "missing", "a meaning of labels has no 'role'; add it");
      }
      continue;
    }
    const bool weak = in.word(value, "weak", {"yes", "no"}) == std::optional<std::size_t>{0};
    for (const auto& [label, line] : in.list(value, "labels")) {
      if (label.empty() || label.size() > 63 || label.find('.') != std::string::npos) {
        in.error(line, "bad-label", "'" + label.substr(0, 80) + "' is not a single label");
      } else if (std::any_of(
                     labels.begin(), labels.end(),
                     [&name = label](const LabelRecord& other) { return other.label == name; })) {
        in.error(line, "twice", "the label '" + label + "' has a meaning already; keep one");
      } else if (labels.size() >= kMaxReserved) {
        in.error(line, "too-many", "there are more than 2000 labels with a meaning");
        return;
      } else {
        labels.push_back({label, *parse_role(kRoleWords[*role]), weak});
      }
    }
  }
}

void Loader::read_model(Reader& in, const YamlValue& root) {
  if (root.kind != YamlKind::map) {
    in.error(root.line, "wrong-type", "the model must be a mapping of names to numbers");
    return;
  }
  const auto legal = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  };
  for (const auto& [key, value] : root.fields) {
    const std::string& name = key.text;
    double low = -1e9;
    double high = 1e9;
    std::optional<double> number;
    if (value.kind == YamlKind::map) {
      // {value: 2.5, min: 0, max: 10, note: ...}
      in.keys(value, "weight " + name, {"value", "min", "max", "note"});
      number = number_of(in.need(value, "value", "weight " + name));
      low = number_of(in.text(value, "min")).value_or(low);
      high = number_of(in.text(value, "max")).value_or(high);
    } else {
      number = number_of(value.text);
    }
    if (name.empty() || name.size() > 80 || !std::all_of(name.begin(), name.end(), legal)) {
      in.error(key.line, "bad-id", "the name of a weight must be of a-z, 0-9 and _");
    } else if (!number) {
      in.error(value.line, "wrong-type", "weight " + name + " must be a number");
    } else if (*number < low || *number > high) {
      in.error(value.line, "out-of-range", "weight " + name + " is outside its own min and max");
    } else {
      book_.content.weights.emplace_back(name, *number);
    }
  }
  std::sort(book_.content.weights.begin(), book_.content.weights.end());
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  if (std::adjacent_find(book_.content.weights.begin(), book_.content.weights.end(), same) !=
      book_.content.weights.end()) {
    in.error(root.line, "twice", "a weight stands twice");
  }
}

std::uint16_t Loader::provider(const std::string& id, const std::string& name,
                               AccountKind account) {
  auto& providers = book_.content.providers;
  const auto at = std::find_if(providers.begin(), providers.end(),
                               [&](const ProviderRecord& provider) { return provider.id == id; });
  if (at != providers.end()) {
    return static_cast<std::uint16_t>(at - providers.begin());
  }
  if (providers.size() >= kMaxProviders) {
    return 0;  // the file would be over its own limit long before
  }
  providers.push_back({id, name, account});
  return static_cast<std::uint16_t>(providers.size() - 1);
}

void Loader::read_plain(Reader& in, const YamlValue& root, std::string_view key, Meaning meaning,
                        const std::vector<std::string_view>& extra) {
  const auto* items = in.items(root, key);
  if (items == nullptr) {
    return;
  }
  std::vector<std::string_view> allowed = {"host", "note"};
  allowed.insert(allowed.end(), extra.begin(), extra.end());
  for (const YamlValue& value : *items) {
    if (!in.keys(value, "an entry of " + std::string{key}, allowed)) {
      continue;
    }
    RuleRecord rule;
    rule.meaning = meaning;
    if (meaning == Meaning::host_of_others) {
      rule.role = Role::content;
      rule.audience = Audience::visitor;
    }
    if (const std::string name = in.text(value, "provider"); !name.empty()) {
      rule.provider = provider("blind:" + name, name, AccountKind::unknown);
      read_addresses(in, value, *rule.provider);
    }
    if (auto pattern = read_pattern(in, value)) {
      rule.pattern = std::move(*pattern);
      add_rule(in, value.line, std::move(rule), in.text(value, "note"));
    }
  }
}

void Loader::read_addresses(Reader& in, const YamlValue& value, std::uint16_t provider) {
  for (const auto& [text, line] : in.list(value, "addresses")) {
    const auto address = address_of(text);
    if (!address) {
      in.error(line, "bad-address", "'" + text.substr(0, 80) + "' is no IP address");
      continue;
    }
    // The same resolver stands under several names; the first one names it.
    auto& resolvers = book_.content.resolvers;
    if (std::none_of(resolvers.begin(), resolvers.end(),
                     [&](const auto& entry) { return entry.first == *address; })) {
      resolvers.emplace_back(*address, provider);
    }
  }
}

void Loader::read_shared(Reader& in, const YamlValue& root) {
  if (in.keys(root, "the file", {"never", "host_of_others", "tunnels"})) {
    read_plain(in, root, "never", Meaning::shared);
    read_plain(in, root, "host_of_others", Meaning::host_of_others);
    read_plain(in, root, "tunnels", Meaning::tunnel);
  }
}

void Loader::read_signals(Reader& in, const YamlValue& root) {
  if (in.keys(root, "the file", {"captcha", "mail_click", "payment", "consent"})) {
    read_plain(in, root, "captcha", Meaning::captcha);
    read_plain(in, root, "mail_click", Meaning::mail_click);
    read_plain(in, root, "payment", Meaning::payment);
    read_plain(in, root, "consent", Meaning::consent);
  }
}

void Loader::read_blind_spots(Reader& in, const YamlValue& root) {
  if (in.keys(root, "the file", {"encrypted_dns", "ech_public_names", "relays"})) {
    read_plain(in, root, "encrypted_dns", Meaning::encrypted_dns, {"provider", "addresses"});
    read_plain(in, root, "ech_public_names", Meaning::ech_public_name, {"provider"});
    read_plain(in, root, "relays", Meaning::relay, {"provider"});
  }
}

void Loader::read_noise(Reader& in, const YamlValue& root) {
  if (in.keys(root, "the file", {"browser", "system"})) {
    read_plain(in, root, "browser", Meaning::browser_noise);
    read_plain(in, root, "system", Meaning::system_noise);
  }
}

void Loader::read_idp(Reader& in, const YamlValue& root) {
  const auto* items =
      in.keys(root, "the file", {"providers"}) ? in.items(root, "providers") : nullptr;
  if (items == nullptr) {
    return;
  }
  for (const YamlValue& value : *items) {
    if (in.keys(value, "a provider", {"id", "name", "kind", "hosts", "note"})) {
      read_provider(in, value);
    }
  }
}

void Loader::read_provider(Reader& in, const YamlValue& value) {
  const std::string id = in.need(value, "id", "the provider");
  const std::string name = in.need(value, "name", "provider " + id);
  const auto kind = in.word(value, "kind", {"unknown", "work", "personal", "both"});
  const auto* hosts = in.items(value, "hosts");
  if (hosts == nullptr) {
    in.error(value.line, "missing", "provider " + id + " has no 'hosts'; add them");
    return;
  }
  const std::uint16_t place = provider(id, name, static_cast<AccountKind>(kind.value_or(0)));
  for (const YamlValue& host : *hosts) {
    if (in.keys(host, "a host of provider " + id, {"host", "note", "reserved"})) {
      read_provider_host(in, host, place);
    }
  }
}

void Loader::read_provider_host(Reader& in, const YamlValue& host, std::uint16_t provider) {
  auto pattern = read_pattern(in, host);
  if (!pattern) {
    return;
  }
  RuleRecord rule;
  rule.meaning = Meaning::idp;
  rule.role = Role::idp;
  rule.audience = Audience::visitor;
  rule.provider = provider;
  for (const auto& [label, line] : in.list(host, "reserved")) {
    static_cast<void>(line);
    if (rule.reserved.size() < kMaxRuleReserved) {
      rule.reserved.push_back(label);
    }
  }
  rule.pattern = std::move(*pattern);
  add_rule(in, host.line, std::move(rule), in.text(host, "note"));
}

}  // namespace gnomon
