#include "collector/enrol/policy_commands.h"

#include <utility>

#include "collector/enrol/record_text.h"

namespace gnomon {
namespace {

wire::AdminReply problem(std::string text) {
  wire::AdminReply reply;
  reply.error = std::move(text);
  return reply;
}

wire::AdminReply reply_of(const Policy& policy) {
  wire::AdminRow row;
  row.emplace_back("version", policy.version == 0 ? "none" : std::to_string(policy.version));
  row.emplace_back("created", policy.version == 0 ? "-" : format_time(policy.created));
  for (auto& line : policy_lines(policy)) {
    row.push_back(std::move(line));
  }
  wire::AdminReply reply;
  reply.rows.push_back(std::move(row));
  return reply;
}

wire::AdminReply set(PolicyBook& book, const wire::AdminRequest& request) {
  std::vector<std::pair<std::string, std::string>> changes;
  std::string by;
  std::string reason;
  for (const auto& [name, value] : request.arguments) {
    if (name == kPeerArgument) {
      by = value;
    } else if (name == "reason") {
      reason = value;
    } else {
      changes.emplace_back(name, value);
    }
  }
  if (changes.empty()) {
    return problem("name what to change, like collect-users=no");
  }
  const auto policy = book.set(changes, by, reason);
  return policy ? reply_of(*policy) : problem(policy.error());
}

wire::AdminReply history(const PolicyBook& book) {
  const auto changes = book.history();
  if (!changes) {
    return problem(changes.error().text());
  }
  wire::AdminReply reply;
  for (const PolicyChange& change : *changes) {
    reply.rows.push_back({{"version", std::to_string(change.version)},
                          {"when", format_time(change.when)},
                          {"by", change.by},
                          {"change", change.change},
                          {"reason", change.reason}});
  }
  return reply;
}

}  // namespace

AdminHandler policy_commands(PolicyBook& book, AdminHandler others) {
  return [&book, others = std::move(others)](const wire::AdminRequest& request) {
    if (request.command == "policy show") {
      const auto policy = book.policy();
      return policy ? reply_of(policy->value_or(Policy{})) : problem(policy.error().text());
    }
    if (request.command == "policy set") {
      return set(book, request);
    }
    if (request.command == "policy history") {
      return history(book);
    }
    return others ? others(request) : problem("there is no command '" + request.command + "'");
  };
}

}  // namespace gnomon
