// gnomon-agent watch: what can be seen right now, for the person at the workstation.

#include <cstdio>
#include <memory>
#include <string>

#include "agent/agent_error.h"
#include "agent/agent_rules.h"
#include "agent/capture_side.h"
#include "agent/commands.h"
#include "agent/confinement.h"
#include "agent/privileges.h"
#include "agent/rooms.h"
#include "agent/stop_signal.h"
#include "agent/text_time.h"
#include "core/log.h"

namespace gnomon {
namespace {

// NoContacts lets what the evidence room makes fall: watching stores and sends nothing.
class NoContacts final : public ContactSink {
 public:
  void on_contact(Contact) override {}
};

class Screen final : public MatchTap {
 public:
  Screen(const RulePack& pack, bool all) : pack_(pack), all_(all) {}

  void on_match(const Match& match) override {
    const bool known = match.meaning == Meaning::tool || match.meaning == Meaning::family;
    if (!known && !all_) {
      return;
    }
    const Sighting& sighting = match.sighting;
    // A question and its answer say the same name.
    if (sighting.dns && sighting.dns->answer) {
      return;
    }
    std::string line = clock_text(sighting.when) + "  " +
                       padded(std::string{to_string(sighting.source)}, 4) + "  " +
                       padded(sighting.host, 40) + "  " + meaning_of(match);
    if (!sighting.process.program.empty()) {
      line += "  (" + sighting.process.program + ")";
    } else if (sighting.process.uid) {
      line += "  (user " + std::to_string(*sighting.process.uid) + ")";
    }
    static_cast<void>(std::puts(line.c_str()));
    static_cast<void>(std::fflush(stdout));
  }

 private:
  std::string meaning_of(const Match& match) const {
    if (match.meaning != Meaning::tool && match.meaning != Meaning::family) {
      return std::string{to_string(match.meaning)};
    }
    std::string text{pack_.tool(match.tool).name};
    text += ", " + std::string{to_string(match.role)};
    return match.tenant.empty() ? text : text + ", tenant " + match.tenant;
  }

  static std::string padded(std::string text, std::size_t width) {
    if (text.size() < width) {
      text.append(width - text.size(), ' ');
    }
    return text;
  }

  const RulePack& pack_;
  bool all_;
};

}  // namespace

int watch_command(const Config& config, bool all) {
  const SystemClock clock;
  Counters counters;
  const auto pack = AgentRules::open(config).pack();
  const auto source = open_live(config.interfaces, counters);
  const auto attributor = open_attributor(counters, clock);
  if (const auto dropped = drop_privileges({false, attributor != nullptr}); !dropped) {
    throw AgentError{"rights cannot be given up: " + dropped.error().text()};
  }
  if (confine_or_say().empty()) {
    if (const auto further = confine_capture(); !further) {
      log::warn("agent.capture_not_confined", {{"why", further.error().text()}});
    }
  }
  Screen screen{*pack, all};
  NoContacts contacts;
  CaptureSideOptions options;
  options.attributor = attributor.get();
  options.tap = &screen;
  CaptureSide side{pack, options, counters, contacts};
  static_cast<void>(
      std::puts("What this machine contacts right now. Nothing is kept. Ctrl-C ends."));
  Packet packet;
  while (!StopSignal::asked()) {
    const auto pulled = source->next(packet, std::chrono::milliseconds{250});
    if (!pulled) {
      throw AgentError{pulled.error().text};
    }
    if (*pulled == Pull::end) {
      break;
    }
    if (*pulled == Pull::packet) {
      side.take(packet);
    }
  }
  log::info("watch.ended", {{"packets", counters.value("capture_packets_total")},
                            {"dropped", counters.value("capture_dropped_total")}});
  return kExitDone;
}

}  // namespace gnomon
