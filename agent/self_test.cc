#include "agent/self_test.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/capture_side.h"
#include "core/byte_writer.h"
#include "core/counters.h"

namespace gnomon {
namespace {

constexpr std::string_view kNobodysHost = "self-test.gnomon.invalid";  // RFC 2606, section 2
constexpr std::uint32_t kEthernet = 1;                                 // LINKTYPE_ETHERNET
constexpr std::uint32_t kProbes = 256;  // rules looked at, spread over the pack

// host_of yields a host that a rule's pattern stands for; nullopt for rules that are no hosts.
std::optional<std::string> host_of(std::string_view pattern) {
  std::string host;
  bool in_braces = false;
  for (const char c : pattern) {
    if (c == '{') {
      host += "self-test";
    } else if (c == '*') {
      host += '1';
    } else if (!in_braces && c != '}') {
      host += c;
    }
    in_braces = c == '{' || (in_braces && c != '}');
  }
  if (!host.empty() && host.front() == '.') {
    host.erase(0, 1);
  }
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyz0123456789-.";
  if (host.find('.') == std::string::npos || host.find_first_not_of(kPlain) != std::string::npos) {
    return std::nullopt;
  }
  return host;
}

// dns_question is a whole Ethernet frame: a question for `host` (RFC 1035, section 4.1) from a
// documentation address (RFC 5737).
std::vector<std::uint8_t> dns_question(std::string_view host) {
  ByteWriter dns;
  constexpr std::array<std::uint16_t, 6> kHeader{0x1234, 0x0100, 1, 0, 0, 0};
  for (const std::uint16_t field : kHeader) {
    dns.u16(field);
  }
  while (!host.empty()) {
    const std::size_t dot = std::min(host.find('.'), host.size());
    dns.u8(static_cast<std::uint8_t>(dot));
    dns.text(host.substr(0, dot));
    host.remove_prefix(std::min(dot + 1, host.size()));
  }
  dns.u8(0);
  dns.u16(1);  // A
  dns.u16(1);  // IN
  constexpr std::size_t kUdpHeader = 8;
  constexpr std::size_t kIpHeader = 20;
  ByteWriter frame;
  frame.text(std::string_view{"\x02\0\0\0\0\x01\x02\0\0\0\0\x02", 12});
  frame.u16(0x0800);
  frame.u16(0x4500);
  frame.u16(static_cast<std::uint16_t>(kIpHeader + kUdpHeader + dns.size()));
  frame.u32(0);
  frame.u8(64);
  frame.u8(17);
  frame.u16(0);
  frame.u32(0xc0000201);  // 192.0.2.1
  frame.u32(0xc6336401);  // 198.51.100.1
  frame.u16(40'000);
  frame.u16(53);
  frame.u16(static_cast<std::uint16_t>(kUdpHeader + dns.size()));
  frame.u16(0);
  frame.bytes(dns.view());
  return frame.take();
}

class Probe final : public MatchTap, public ContactSink {
 public:
  void on_match(const Match& match) override { seen = match; }
  void on_contact(Contact) override {}

  std::optional<Match> seen;
};

// names_in_traffic sends the question through rooms of its own.
bool names_in_traffic(const std::shared_ptr<const RulePack>& pack, std::string_view host) {
  Counters counters;
  Probe probe;
  CaptureSideOptions options;
  options.tap = &probe;
  CaptureSide side{pack, options, counters, probe};
  const auto frame = dns_question(host);
  Packet packet;
  packet.when = pack->created();
  packet.link_type = kEthernet;
  packet.wire_size = static_cast<std::uint32_t>(frame.size());
  packet.bytes = frame;
  side.take(packet);
  side.finish();
  return probe.seen && probe.seen->sighting.host == host && probe.seen->meaning == Meaning::tool &&
         probe.seen->tool == pack->match(host).tool;
}

// Whether every rule that is looked at must have a meaning.
enum class Unmeant : std::uint8_t { refuse, pass_over };

std::string test(const std::shared_ptr<const RulePack>& pack, Unmeant unmeant) {
  if (pack->match(kNobodysHost).meaning != Meaning::unknown) {
    return "self-test failed: it gives a meaning to a host that cannot exist";
  }
  const std::uint32_t rules = pack->rule_count();
  const std::uint32_t step = std::max<std::uint32_t>(1, rules / kProbes);
  std::optional<std::string> tool_host;
  for (std::uint32_t rule = 0; rule < rules; rule += tool_host ? step : 1) {
    const auto host = host_of(pack->rule_text(rule));
    if (!host) {
      continue;
    }
    const HostMatch match = pack->match(*host);
    if (match.meaning == Meaning::unknown && unmeant == Unmeant::refuse) {
      return "self-test failed: it does not know a host of its own rules";
    }
    if (!tool_host && match.meaning == Meaning::tool) {
      tool_host = host;
    }
  }
  if (!tool_host) {
    return "self-test failed: it names no tool";
  }
  if (!names_in_traffic(pack, *tool_host)) {
    return "self-test failed: a tool of its own is not named in traffic";
  }
  return {};
}

}  // namespace

std::string self_test(const std::shared_ptr<const RulePack>& pack) {
  return test(pack, Unmeant::refuse);
}

std::string self_test_overlaid(const std::shared_ptr<const RulePack>& pack) {
  return test(pack, Unmeant::pass_over);
}

}  // namespace gnomon
