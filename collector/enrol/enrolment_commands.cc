// What `gnomon admin token|agents|ca` asks of the collector.

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

#include "collector/enrol/admin_server.h"
#include "collector/enrol/record_text.h"
#include "core/net/crypto.h"

namespace gnomon {
namespace {

constexpr std::uint32_t kMaxTokenUses = 100'000;
constexpr std::uint32_t kMaxTokenHours = 24 * 90;

wire::AdminReply problem(std::string text) {
  wire::AdminReply reply;
  reply.error = std::move(text);
  return reply;
}

std::string argument(const wire::AdminRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.arguments) {
    if (key == name) {
      return value;
    }
  }
  return {};
}

// number_argument yields `usual` when the argument is absent, nullopt when it is no number between
// 1 and `most`.
std::optional<std::uint32_t> number_argument(const wire::AdminRequest& request,
                                             std::string_view name, std::uint32_t usual,
                                             std::uint32_t most) {
  const std::string text = argument(request, name);
  if (text.empty()) {
    return usual;
  }
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > most) {
    return std::nullopt;
  }
  return value;
}

std::string time_or_dash(WallTime time) {
  return time == WallTime{} ? "-" : format_time(time);
}

wire::AdminReply create_token(Registry& registry, const wire::AdminRequest& request) {
  const auto uses = number_argument(request, "uses", 1, kMaxTokenUses);
  const auto hours = number_argument(request, "hours", 24, kMaxTokenHours);
  if (!uses || !hours) {
    return problem("uses must be 1 to 100000 and hours 1 to 2160");
  }
  TokenOptions options;
  options.label = argument(request, "label");
  options.max_uses = *uses;
  options.life = std::chrono::hours{*hours};
  const auto token = registry.create_token(options);
  if (!token) {
    return problem(token.error().text());
  }
  wire::AdminReply reply;
  reply.rows.push_back(
      {{"id", token->id}, {"token", token->text}, {"expires", format_time(token->expires)}});
  return reply;
}

wire::AdminReply list_tokens(const EnrolmentParts& parts) {
  const auto tokens = parts.registry.tokens();
  if (!tokens) {
    return problem(tokens.error().text());
  }
  wire::AdminReply reply;
  for (const TokenInfo& token : *tokens) {
    const char* state = token.revoked                         ? "revoked"
                        : token.uses >= token.max_uses        ? "used up"
                        : parts.clock.wall() >= token.expires ? "expired"
                                                              : "open";
    reply.rows.push_back({{"id", token.id},
                          {"label", token.label},
                          {"created", format_time(token.created)},
                          {"expires", format_time(token.expires)},
                          {"uses", std::to_string(token.uses)},
                          {"max_uses", std::to_string(token.max_uses)},
                          {"state", state}});
  }
  return reply;
}

std::string state_of(const AgentInfo& agent) {
  return agent.revoked                ? "revoked"
         : !agent.cloned.empty()      ? "cloned"
         : agent.quarantined          ? "quarantined"
         : !agent.replaced_by.empty() ? "replaced"
                                      : "active";
}

wire::AdminRow short_row(const AgentInfo& agent,
                         const std::map<std::string, std::string>& connected) {
  const auto found = connected.find(agent.id);
  return {{"id", agent.id},
          {"label", agent.label},
          {"state", state_of(agent)},
          {"connected", found == connected.end() ? "no" : found->second},
          {"version", agent.version},
          {"os", agent.os},
          {"enrolled", time_or_dash(agent.enrolled)},
          {"certificate_expires", time_or_dash(agent.certificate_expires)}};
}

wire::AdminRow long_row(const AgentInfo& agent,
                        const std::map<std::string, std::string>& connected) {
  wire::AdminRow row = short_row(agent, connected);
  row.emplace_back("arch", agent.arch);
  row.emplace_back("renewed", time_or_dash(agent.renewed));
  row.emplace_back("serial", agent.serial);
  row.emplace_back("machine", agent.machine.empty() ? "-" : agent.machine.substr(0, 16));
  row.emplace_back("replaced_by", agent.replaced_by.empty() ? "-" : agent.replaced_by);
  row.emplace_back("cloned", agent.cloned.empty() ? "-" : agent.cloned);
  return row;
}

// agents with an id or a state, as the request names them; all when it names neither.
wire::AdminReply show_agents(const EnrolmentParts& parts, const wire::AdminRequest& request) {
  const auto agents = parts.registry.agents();
  if (!agents) {
    return problem(agents.error().text());
  }
  const bool one = request.command == "agents show";
  const std::string id = argument(request, "id");
  const std::string state = argument(request, "state");
  const auto connected = parts.connected ? parts.connected() : std::map<std::string, std::string>{};
  wire::AdminReply reply;
  for (const AgentInfo& agent : *agents) {
    if (one ? agent.id == id : state.empty() || state_of(agent) == state) {
      reply.rows.push_back(one ? long_row(agent, connected) : short_row(agent, connected));
    }
  }
  return one && reply.rows.empty() ? problem("there is no agent " + id) : reply;
}

wire::AdminReply auto_release(Registry& registry, const wire::AdminRequest& request) {
  const std::string on = argument(request, "on");
  if (!on.empty() && on != "yes" && on != "no") {
    return problem("auto-release is yes or no");
  }
  if (!on.empty()) {
    if (const auto set = registry.set_auto_release(on == "yes"); !set) {
      return problem(set.error().text());
    }
  }
  const auto now = registry.auto_release();
  if (!now) {
    return problem(now.error().text());
  }
  wire::AdminReply reply;
  reply.rows.push_back({{"auto_release", *now ? "yes" : "no"}});
  return reply;
}

wire::AdminReply show_authority(const Authority& authority) {
  wire::AdminReply reply;
  reply.rows.push_back({{"instance", authority.instance()},
                        {"root", authority.is_company() ? "imported" : "its own"},
                        {"key_sha256", to_hex(authority.root().key_sha256())},
                        {"expires", format_time(authority.root().not_after())},
                        {"certificate", authority.root().to_pem()}});
  return reply;
}

wire::AdminReply import_authority(const EnrolmentParts& parts, const wire::AdminRequest& request) {
  const auto agents = parts.registry.agents();
  if (!agents) {
    return problem(agents.error().text());
  }
  const auto enrolled = std::count_if(agents->begin(), agents->end(), [](const AgentInfo& agent) {
    return !agent.revoked && agent.replaced_by.empty();
  });
  if (enrolled > 0 && argument(request, "force") != "yes") {
    return problem(std::to_string(enrolled) +
                   " agents trust the present authority and would have to enrol again; say so "
                   "with --force");
  }
  const auto imported =
      Authority::import_company(parts.files, parts.clock, parts.authority_directory,
                                argument(request, "key"), argument(request, "chain"));
  if (!imported) {
    return problem(imported.error());
  }
  wire::AdminReply reply;
  reply.rows.push_back(
      {{"imported", "yes"}, {"next", "restart the collector, then make new join tokens"}});
  return reply;
}

template <typename Done>
wire::AdminReply done_or_unknown(const Done& done, const char* unknown) {
  if (!done) {
    return problem(done.error().text());
  }
  return *done ? wire::AdminReply{} : problem(unknown);
}

wire::AdminReply of_tokens(const EnrolmentParts& parts, const wire::AdminRequest& request) {
  if (request.command == "token create") {
    return create_token(parts.registry, request);
  }
  if (request.command == "token list") {
    return list_tokens(parts);
  }
  if (request.command == "token revoke") {
    return done_or_unknown(parts.registry.revoke_token(argument(request, "id")),
                           "there is no such token");
  }
  return problem("there is no such command");
}

wire::AdminReply of_agents(const EnrolmentParts& parts, const wire::AdminRequest& request) {
  if (request.command == "agents list" || request.command == "agents show") {
    return show_agents(parts, request);
  }
  if (request.command == "agents revoke") {
    return done_or_unknown(parts.registry.revoke_agent(argument(request, "id")),
                           "no such agent is known; it is denied all the same");
  }
  if (request.command == "agents release") {
    return done_or_unknown(parts.registry.release_agent(argument(request, "id")),
                           "this agent is not in quarantine");
  }
  if (request.command == "agents auto-release") {
    return auto_release(parts.registry, request);
  }
  return problem("there is no such command");
}

}  // namespace

AdminHandler enrolment_commands(EnrolmentParts parts, AdminHandler others) {
  return [parts = std::move(parts),
          others = std::move(others)](const wire::AdminRequest& request) -> wire::AdminReply {
    if (request.command.starts_with("token ")) {
      return of_tokens(parts, request);
    }
    if (request.command.starts_with("agents ")) {
      return of_agents(parts, request);
    }
    if (request.command == "ca show") {
      return show_authority(parts.authority);
    }
    if (request.command == "ca import") {
      return import_authority(parts, request);
    }
    return others ? others(request) : problem("there is no such command");
  };
}

}  // namespace gnomon
