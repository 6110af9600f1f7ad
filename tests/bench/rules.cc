// The rule pack by itself: what a match costs, what opening costs. tests/bench/run rules measures.
//
//   bench_rules make FOLDER TOOLS PACK      compiles a rules folder, made larger to TOOLS tools
//   under
//                                           other names, to PACK and PACK.trust
//   bench_rules match PACK < HOSTS          one host a line, "kind host"
//   bench_rules open PACK                   in a process of its own, for what it adds to memory
//
// Prints one JSON object. Allocations are counted where every one of them passes: operator new.

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/catalog/pack_file.h"
#include "core/catalog/trust.h"
#include "core/rulebook/compile.h"
#include "tests/support/allocation_count.h"

namespace gnomon {
namespace {

int fail(const std::string& text) {
  std::cerr << "bench_rules: " << text << "\n";
  return 2;
}

bool of_tool(Meaning meaning) {
  return meaning == Meaning::tool || meaning == Meaning::family;
}

// renamed gives a pattern of the same shape below another domain: copy 2 of "{tenant}.slack.com" is
// "{tenant}.slack-2.com".
std::string renamed(const HostPattern& pattern, std::size_t copy) {
  const std::size_t end = pattern.text.rfind('.');
  return pattern.text.substr(0, end) + "-" + std::to_string(copy) + pattern.text.substr(end);
}

// enlarge adds copies of the catalogue's tools, with their hosts and sequences under other names,
// until there are `wanted`.
void enlarge(PackContent& content, std::size_t wanted) {
  const PackContent base = content;
  for (std::size_t copy = 2; content.tools.size() < wanted; ++copy) {
    std::map<ToolIndex, ToolIndex> places;
    for (ToolIndex i = 0; i < base.tools.size() && content.tools.size() < wanted; ++i) {
      ToolRecord tool = base.tools[i];
      tool.id += "-" + std::to_string(copy);
      tool.name += " " + std::to_string(copy);
      tool.homepage += "/" + std::to_string(copy);
      tool.family.reset();
      places[i] = static_cast<ToolIndex>(content.tools.size());
      content.tools.push_back(std::move(tool));
    }
    for (const RuleRecord& original : base.rules) {
      const auto place = places.find(original.tool);
      if (!of_tool(original.meaning) || place == places.end()) {
        continue;
      }
      auto pattern = HostPattern::parse(renamed(original.pattern, copy));
      if (!pattern) {
        continue;
      }
      RuleRecord rule = original;
      rule.pattern = std::move(*pattern);
      rule.tool = place->second;
      content.rules.push_back(std::move(rule));
    }
  }
}

int make(const std::string& folder, std::size_t tools, const std::string& path) {
  LoadOptions load;
  load.today = std::chrono::floor<std::chrono::days>(SystemClock{}.wall());
  LoadedRules loaded = load_rules(folder, load);
  if (loaded.errors() > 0 || loaded.book.content.tools.empty()) {
    return fail("the rules in " + folder + " have errors");
  }
  if (tools > 0) {
    enlarge(loaded.book.content, tools);
  }
  const SecretKey root = SecretKey::generate();
  const SecretKey key = SecretKey::generate();
  TrustedKeys trust;
  trust.root_version = 1;
  trust.root_keys = {root.public_key()};
  trust.keys = {key.public_key()};
  CompileOptions options;
  options.manifest.version = 1;
  options.manifest.created = std::chrono::floor<std::chrono::seconds>(SystemClock{}.wall());
  options.manifest.expires = options.manifest.created + std::chrono::days{365};
  trust.root_expires = options.manifest.expires;
  options.signers = {key};
  const auto pack = compile_pack(loaded.book, options);
  std::ofstream{path, std::ios::binary}.write(reinterpret_cast<const char*>(pack.data()),
                                              static_cast<std::streamsize>(pack.size()));
  std::ofstream{path + ".trust"} << make_root(trust, {root});
  std::cout << "{\"tools\":" << loaded.book.content.tools.size()
            << ",\"rules\":" << loaded.book.content.rules.size()
            << ",\"pack_bytes\":" << pack.size() << "}\n";
  return 0;
}

struct Resident {
  long all = 0, anonymous = 0, file = 0;
};

// resident reads /proc/self/status, in KiB.
Resident resident() {
  Resident found;
  std::ifstream status{"/proc/self/status"};
  for (std::string word; status >> word;) {
    long* const into = word == "VmRSS:"     ? &found.all
                       : word == "RssAnon:" ? &found.anonymous
                       : word == "RssFile:" ? &found.file
                                            : nullptr;
    if (into != nullptr) {
      status >> *into;
    }
  }
  return found;
}

// resident_of yields the resident KiB of a mapped file, by /proc/self/smaps.
long resident_of(const std::string& path) {
  std::ifstream maps{"/proc/self/smaps"};
  long found = 0;
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find('-') < line.find(' ')) {
      inside = line.ends_with(path);
    } else if (inside && line.starts_with("Rss:")) {
      found += std::atol(line.c_str() + 4);
    }
  }
  return found;
}

// milliseconds_of takes the processor's time, not the wall's: machines are shared.
template <typename F>
double milliseconds_of(F&& work) {
  const auto now = [] {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
  };
  const double begin = now();
  work();
  return now() - begin;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int open_often(const std::string& path) {
  const auto trusted = read_trust(path + ".trust");
  if (!trusted) {
    return fail(trusted.error().text);
  }
  // What libcrypto needs once is not the pack's.
  static_cast<void>(RulePack::from_bytes({}, *trusted));
  const Resident before = resident();
  auto kept = RulePack::open(path, *trusted);
  const Resident after = resident();
  if (!kept) {
    return fail(kept.error().text);
  }
  constexpr int kRounds = 31;
  std::vector<double> opens;
  std::vector<double> reads;
  std::size_t bytes = 0;
  for (int i = 0; i < kRounds; ++i) {
    reads.push_back(milliseconds_of([&] { bytes = read_pack_bytes(path)->size(); }));
    opens.push_back(milliseconds_of([&] { kept = RulePack::open(path, *trusted); }));
  }
  const double open_ms = median(opens);
  const double read_ms = median(reads);
  std::cout << "{\"open_ms\":" << open_ms << ",\"read_ms\":" << read_ms
            << ",\"pack_bytes\":" << bytes << ",\"added_kib\":" << after.all - before.all
            << ",\"added_anonymous_kib\":" << after.anonymous - before.anonymous
            << ",\"added_file_kib\":" << after.file - before.file << "}\n";
  return 0;
}

struct Asked {
  std::string kind;
  std::string host;
};

int match_often(const std::string& path) {
  const auto trusted = read_trust(path + ".trust");
  const auto pack = trusted ? RulePack::open(path, *trusted)
                            : Result<std::shared_ptr<const RulePack>, PackError>{
                                  Failure{PackError{PackFault::unreadable, "no trust file"}}};
  if (!pack) {
    return fail(pack.error().text);
  }
  std::vector<Asked> hosts;
  for (std::string kind, host; std::cin >> kind >> host;) {
    hosts.push_back({kind, host});
  }
  if (hosts.empty()) {
    return fail("no hosts on standard input");
  }
  // The yardstick knows the registrable domains of the same hosts that have a tool, and is asked
  // for domains that were cut out beforehand: all that "home domain, therefore tool" could ever
  // cost.
  std::vector<std::string_view> domains;
  std::unordered_map<std::string_view, ToolIndex> home;
  for (const Asked& asked : hosts) {
    const std::string_view domain = (*pack)->registrable_domain(asked.host);
    domains.push_back(domain);
    const HostMatch match = (*pack)->match(asked.host);
    if (of_tool(match.meaning)) {
      home.emplace(domain, match.tool);
    }
  }
  const long touched = resident_of(path);
  constexpr int kRounds = 41;
  std::vector<double> figures;
  std::vector<double> yardsticks;
  std::uint64_t sum = 0;  // of what came back, so that nothing is left out
  std::uint64_t spent = 0;
  const auto per_host = [&](double ms) { return ms * 1e6 / static_cast<double>(hosts.size()); };
  for (int i = 0; i < kRounds; ++i) {
    yardsticks.push_back(per_host(milliseconds_of([&] {
      for (const std::string_view domain : domains) {
        const auto at = home.find(domain);
        sum += at == home.end() ? 1 : at->second;
      }
    })));
    const std::uint64_t at_start = testing::allocations();
    const double ms = milliseconds_of([&] {
      for (const Asked& asked : hosts) {
        sum += (*pack)->match(asked.host).rule;
      }
    });
    spent += testing::allocations() - at_start;
    figures.push_back(per_host(ms));
  }
  std::map<std::string, std::vector<double>> by_kind;
  for (const std::string kind : {"hit", "near", "miss"}) {
    std::vector<std::string_view> of_kind;
    for (const Asked& asked : hosts) {
      if (asked.kind == kind) {
        of_kind.push_back(asked.host);
      }
    }
    for (int i = 0; i < kRounds && !of_kind.empty(); ++i) {
      by_kind[kind].push_back(milliseconds_of([&] {
                                for (const std::string_view host : of_kind) {
                                  sum += (*pack)->match(host).rule;
                                }
                              }) *
                              1e6 / static_cast<double>(of_kind.size()));
    }
  }
  const double figure = median(figures);
  const double yardstick = median(yardsticks);
  std::cout << "{\"ns\":" << figure << ",\"map_ns\":" << yardstick << ",\"hosts\":" << hosts.size()
            << ",\"allocations\":" << spent << ",\"touched_kib\":" << touched << ",\"sum\":" << sum;
  for (const auto& [kind, values] : by_kind) {
    std::cout << ",\"" << kind << "_ns\":" << median(values);
  }
  std::cout << "}\n";
  return spent == 0 ? 0 : 1;
}

}  // namespace
}  // namespace gnomon

int main(int argc, char** argv) {
  const std::vector<std::string> words{argv + 1, argv + argc};
  if (words.size() == 4 && words[0] == "make") {
    return gnomon::make(words[1], static_cast<std::size_t>(std::atol(words[2].c_str())), words[3]);
  }
  if (words.size() == 2 && words[0] == "open") {
    return gnomon::open_often(words[1]);
  }
  if (words.size() == 2 && words[0] == "match") {
    return gnomon::match_often(words[1]);
  }
  return gnomon::fail("make FOLDER TOOLS PACK, open PACK, or match PACK < HOSTS");
}
