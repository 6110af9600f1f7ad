// PackBuilder: small signed packs for tests, written as one would write rules.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/catalog/pack_file.h"
#include "core/catalog/rule_pack.h"
#include "core/catalog/signing.h"
#include "core/check.h"
#include "core/rulebook/pack_writer.h"

namespace gnomon::testing {

// Noon of 2026-11-22: the time of everything in tests of packs.
inline WallTime test_time() {
  return WallTime{std::chrono::seconds{1'795'348'800}};
}

class PackBuilder {
 public:
  PackBuilder() : key_(SecretKey::generate()) {
    content_.categories.push_back({"project-management", "Project management", false});
    content_.jobs.push_back({"task-board", "Task board", 0});
    content_.reserved = {"www", "api", "login", "static"};
    manifest_.version = 5;
    manifest_.created = test_time();
    manifest_.expires = test_time() + std::chrono::days{30};
  }

  ToolIndex tool(const std::string& id, std::uint8_t flags = 0) {
    ToolRecord tool;
    tool.id = id;
    tool.name = id + " name";
    tool.vendor = "vendor";
    tool.homepage = "https://" + id + ".example";
    tool.jobs = {0};
    tool.flags = flags;
    content_.tools.push_back(std::move(tool));
    return static_cast<ToolIndex>(content_.tools.size() - 1);
  }

  RuleRecord& rule(const std::string& pattern, Meaning meaning = Meaning::tool, ToolIndex tool = 0,
                   Role role = Role::app) {
    const auto parsed = HostPattern::parse(pattern);
    GNOMON_CHECK(parsed.has_value());
    RuleRecord rule;
    rule.pattern = *parsed;
    rule.meaning = meaning;
    rule.tool = tool;
    rule.role = role;
    rule.audience = Audience::user;
    content_.rules.push_back(std::move(rule));
    return content_.rules.back();
  }

  PackContent& content() { return content_; }
  Manifest& manifest() { return manifest_; }
  const SecretKey& key() const { return key_; }
  TrustedKeys trusted() const {
    TrustedKeys trusted;
    trusted.keys = {key_.public_key()};
    return trusted;
  }

  std::vector<std::uint8_t> bytes(PackKind kind = PackKind::catalogue,
                                  const std::vector<std::string>& roots = {}) const {
    return seal_pack(encode_body(content_), kind, manifest_, roots, {key_});
  }
  std::shared_ptr<const RulePack> pack() const {
    auto pack = RulePack::from_bytes(bytes(), trusted());
    GNOMON_CHECK(pack.has_value());
    return *pack;
  }

 private:
  PackContent content_;
  Manifest manifest_;
  SecretKey key_;
};

}  // namespace gnomon::testing
