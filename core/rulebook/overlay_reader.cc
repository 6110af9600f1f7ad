// Reading a company's overlay.

#include <algorithm>

#include "core/rulebook/loader.h"

namespace gnomon {

ToolIndex Loader::reference(Reader& in, const std::string& id, int line) {
  mentions_.push_back({id, line});
  auto& tools = book_.content.tools;
  const auto at = std::find_if(tools.begin(), tools.end(),
                               [&](const ToolRecord& tool) { return tool.id == id; });
  if (at != tools.end()) {
    return static_cast<ToolIndex>(at - tools.begin());
  }
  ToolRecord tool;
  tool.id = id;
  tool.flags = kToolOfBase;
  tools.push_back(std::move(tool));
  book_.tool_places.push_back({in.file(), line});
  book_.checked.emplace_back();
  return static_cast<ToolIndex>(tools.size() - 1);
}

void Loader::read_overlay(Reader& in, const YamlValue& root) {
  if (!in.keys(root, "the overlay", {"tools", "corrections", "deny", "tenants", "sanctioned"})) {
    return;
  }
  if (const auto* tools = in.items(root, "tools")) {
    for (const YamlValue& tool : *tools) {
      read_tool(in, tool, "", "");
    }
  }
  if (const auto* corrections = in.items(root, "corrections")) {
    for (const YamlValue& value : *corrections) {
      read_correction(in, value);
    }
  }
  read_plain(in, root, "deny", Meaning::denied);
  if (const auto* tenants = in.items(root, "tenants")) {
    for (const YamlValue& value : *tenants) {
      read_own_tenant(in, value);
    }
  }
  for (const auto& [id, line] : in.list(root, "sanctioned")) {
    mentions_.push_back({id, line});
    book_.content.sanctioned.push_back(id);
  }
}

void Loader::read_correction(Reader& in, const YamlValue& value) {
  if (!in.keys(value, "a correction", {"tool", "hosts"})) {
    return;
  }
  const std::string id = in.need(value, "tool", "the correction");
  if (!id.empty()) {
    read_hosts(in, value, {"tool " + id, reference(in, id, value.line), Meaning::tool});
  }
}

void Loader::read_own_tenant(Reader& in, const YamlValue& value) {
  if (!in.keys(value, "a tenant", {"tool", "provider", "tenant", "note"})) {
    return;
  }
  OwnTenant tenant;
  const std::string tool = in.text(value, "tool");
  tenant.id = tool.empty() ? in.text(value, "provider") : tool;
  tenant.provider = tool.empty();
  tenant.tenant = in.need(value, "tenant", "the entry");
  if (tenant.id.empty()) {
    in.error(value.line, "missing", "a tenant needs a 'tool' or a 'provider'; add one");
  } else if (!tenant.tenant.empty()) {
    if (!tenant.provider) {
      mentions_.push_back({tenant.id, value.line});
    }
    book_.content.tenants.push_back(std::move(tenant));
  }
}

}  // namespace gnomon
