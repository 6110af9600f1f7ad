// AnswerMemory remembers what DNS said lately, to tell real ECH and to find what it hides.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "agent/parse/dns/message.h"
#include "agent/sight/lru_table.h"
#include "core/clock.h"
#include "core/counters.h"
#include "core/ip_address.h"

namespace gnomon {

// AnswerMemory holds, of each answer, which names led a client to which address, and of each HTTPS
// record with an ECH configuration, which public name hides which name. Both are bounded: the
// entry that was not asked for longest goes first, and is counted.
class AnswerMemory {
 public:
  struct Limits {
    std::size_t addresses = 4096;
    std::size_t hidden_names = 512;
  };

  // kMemory is how long an answer counts: browsers keep addresses for minutes, and connections
  // are opened right after the answer.
  static constexpr std::chrono::minutes kMemory{30};

  AnswerMemory(Limits limits, const std::vector<std::string>& public_names, Counters& counters);

  // remember takes in one response to `client`. `name` is the question's.
  void remember(const IpAddress& client, std::string_view name, const dns::MessageView& response,
                WallTime when);

  // is_public_name tells a name that stands in the clear while ECH hides another: one of the
  // known list, or one that an HTTPS record announced.
  bool is_public_name(std::string_view host);

  // hidden_name gives the name that a hello with `public_name` on its outside must have meant:
  // the only one whose answer led `client` to `server` lately and that DNS says is hidden behind
  // this public name; or, when no such record was seen, the only one at all.
  std::optional<std::string> hidden_name(const IpAddress& client, const IpAddress& server,
                                         std::string_view public_name, WallTime when);

 private:
  // kMaxNamesPerAddress: beyond this many names an address is a shared front and tells nothing.
  static constexpr std::size_t kMaxNamesPerAddress = 8;

  struct Way {
    IpAddress client;
    IpAddress server;

    bool operator==(const Way&) const = default;
  };
  struct WayHash {
    std::size_t operator()(const Way& way) const;
  };
  struct Named {
    std::string name;
    WallTime when;
  };
  struct Ways {
    std::vector<Named> names;
    bool too_many = false;
  };
  struct Hiding {
    std::string public_name;
    WallTime when;
  };

  void remember_address(const IpAddress& client, Bytes address, std::string_view name,
                        WallTime when);
  void remember_service(const IpAddress& client, std::string_view name, Bytes message,
                        const dns::RecordView& record, WallTime when);

  std::unordered_set<std::string> public_names_;
  LruTable<Way, Ways, WayHash> ways_;
  LruTable<std::string, Hiding> hidings_;      // by hidden name
  LruTable<std::string, WallTime> announced_;  // public names out of HTTPS records
  Counter& evicted_ways_;
  Counter& evicted_hidings_;
};

}  // namespace gnomon
