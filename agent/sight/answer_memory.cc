#include "agent/sight/answer_memory.h"

#include <algorithm>
#include <bit>

#include "agent/sight/host_text.h"

namespace gnomon {

namespace {

constexpr std::string_view kEvictedHelp = "Entries that had to go because a table was full.";

IpAddress to_address(Bytes bytes) {
  IpAddress address;
  address.is_v4 = bytes.size() == 4;
  std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
  return address;
}

// is_recent compares whole seconds: captures may carry any time stamp, and the difference of two
// extreme ones does not fit in nanoseconds.
bool is_recent(WallTime seen, WallTime now) {
  using std::chrono::floor;
  using std::chrono::seconds;
  return floor<seconds>(now) - floor<seconds>(seen) <= AnswerMemory::kMemory;
}

}  // namespace

std::size_t AnswerMemory::WayHash::operator()(const Way& way) const {
  // The table is small and bounded, so collisions made on purpose cost little.
  std::uint64_t hash = 0;
  for (const IpAddress* address : {&way.client, &way.server}) {
    for (const std::uint64_t half : std::bit_cast<std::array<std::uint64_t, 2>>(address->bytes)) {
      hash = (hash ^ half) * 0x9e3779b97f4a7c15U;  // 2^64 divided by the golden ratio
      hash ^= hash >> 32U;
    }
  }
  return hash;
}

AnswerMemory::AnswerMemory(Limits limits, const std::vector<std::string>& public_names,
                           Counters& counters)
    : public_names_(public_names.begin(), public_names.end()),
      ways_(limits.addresses),
      hidings_(limits.hidden_names),
      announced_(limits.hidden_names),
      evicted_ways_(counters.counter("sight_evicted_total", kEvictedHelp, {{"table", "answers"}})),
      evicted_hidings_(counters.counter("sight_evicted_total", kEvictedHelp, {{"table", "ech"}})) {}

void AnswerMemory::remember(const IpAddress& client, std::string_view name,
                            const dns::MessageView& response, WallTime when) {
  dns::RecordReader records{response};
  dns::RecordView record;
  while (records.next(record)) {
    if (records.section() != dns::RecordReader::Section::answer) {
      break;
    }
    const bool is_address = (record.type == dns::type::kA && record.data.size() == 4) ||
                            (record.type == dns::type::kAaaa && record.data.size() == 16);
    if (is_address) {
      remember_address(client, record.data, name, when);
    } else if (record.type == dns::type::kHttps || record.type == dns::type::kSvcb) {
      remember_service(client, name, response.message, record, when);
    }
  }
}

void AnswerMemory::remember_address(const IpAddress& client, Bytes address, std::string_view name,
                                    WallTime when) {
  bool evicted = false;
  Ways& ways = ways_.find_or_make(Way{client, to_address(address)}, evicted);
  evicted_ways_.add_alone(evicted ? 1 : 0);
  std::erase_if(ways.names, [when](const Named& named) { return !is_recent(named.when, when); });
  const auto known = std::find_if(ways.names.begin(), ways.names.end(),
                                  [name](const Named& named) { return named.name == name; });
  if (known != ways.names.end()) {
    known->when = when;
  } else if (ways.names.size() < kMaxNamesPerAddress) {
    ways.names.push_back(Named{std::string{name}, when});
  } else {
    ways.too_many = true;
  }
}

void AnswerMemory::remember_service(const IpAddress& client, std::string_view name, Bytes message,
                                    const dns::RecordView& record, WallTime when) {
  const auto service = dns::parse_service(message, record);
  if (!service) {
    return;
  }
  for (ByteReader hints{service->ipv4_hints}; hints.remaining() >= 4;) {
    remember_address(client, hints.take(4), name, when);
  }
  for (ByteReader hints{service->ipv6_hints}; hints.remaining() >= 16;) {
    remember_address(client, hints.take(16), name, when);
  }
  const Bytes raw = dns::ech_public_name(service->ech);
  const auto public_name = host_text({reinterpret_cast<const char*>(raw.data()), raw.size()});
  if (!public_name || *public_name == name) {
    return;
  }
  bool evicted = false;
  hidings_.find_or_make(std::string{name}, evicted) = Hiding{*public_name, when};
  evicted_hidings_.add_alone(evicted ? 1 : 0);
  announced_.find_or_make(*public_name, evicted) = when;
  evicted_hidings_.add_alone(evicted ? 1 : 0);
}

bool AnswerMemory::is_public_name(std::string_view host) {
  const std::string key{host};
  return public_names_.contains(key) || announced_.find(key) != nullptr;
}

std::optional<std::string> AnswerMemory::hidden_name(const IpAddress& client,
                                                     const IpAddress& server,
                                                     std::string_view public_name, WallTime when) {
  const Ways* ways = ways_.find(Way{client, server});
  if (ways == nullptr || ways->too_many) {
    return std::nullopt;
  }
  const Named* hidden = nullptr;  // DNS says that it hides behind this public name
  std::size_t hidden_count = 0;
  const Named* any = nullptr;
  std::size_t any_count = 0;
  for (const Named& named : ways->names) {
    if (named.name == public_name || !is_recent(named.when, when)) {
      continue;
    }
    any = &named;
    ++any_count;
    const Hiding* hiding = hidings_.find(named.name);
    if (hiding != nullptr && hiding->public_name == public_name) {
      hidden = &named;
      ++hidden_count;
    }
  }
  if (hidden_count == 1) {
    return hidden->name;
  }
  if (hidden_count == 0 && any_count == 1) {
    return any->name;
  }
  return std::nullopt;
}

}  // namespace gnomon
