// A small, clean rules folder in memory, for tests of the rulebook.

#pragma once

#include <string>
#include <vector>

#include "core/rulebook/rulebook.h"

namespace gnomon::testing {

inline std::vector<RuleFile> clean_rules() {
  return {
      {"categories.yaml",
       "categories:\n"
       "  - {id: project-management, label: \"Project management\"}\n"
       "  - {id: design, label: \"Design\", martech: yes}\n"},
      {"jobs.yaml",
       "jobs:\n"
       "  - {id: task-board, label: \"Task board\", category: project-management}\n"
       "  - {id: diagramming, label: \"Diagramming\", category: design}\n"},
      {"reserved.yaml", "reserved: [www, api]\n"},
      {"model.yaml", "bias: {value: -6, min: -20, max: 0}\ncaptcha: 0.7\n"},
      {"shared.yaml",
       "never:\n  - {host: .cloudfront.net}\n"
       "host_of_others:\n  - {host: .netlify.app}\n"
       "tunnels:\n  - {host: .ngrok.io}\n"},
      {"idp.yaml",
       "providers:\n"
       "  - id: okta\n    name: Okta\n    kind: work\n    hosts:\n"
       "      - {host: \"{tenant}.okta.com\"}\n"},
      {"signals.yaml",
       "captcha:\n  - {host: .hcaptcha.com}\n"
       "mail_click:\n  - {host: .list-manage.com}\n"
       "payment:\n  - {host: js.stripe.com}\n"
       "consent:\n  - {host: .cookiebot.com}\n"},
      {"blind-spots.yaml",
       "encrypted_dns:\n"
       "  - {host: dns.google, provider: Google, addresses: [\"8.8.8.8\", "
       "\"2001:4860:4860::8888\"]}\n"
       "ech_public_names:\n  - {host: cloudflare-ech.com}\n"
       "relays:\n  - {host: mask.icloud.com}\n"},
      {"noise.yaml",
       "browser:\n  - {host: update.googleapis.com}\nsystem:\n  - {host: .windowsupdate.com}\n"},
      {"tools/atlassian.yaml",
       "vendor: Atlassian\n"
       "family:\n"
       "  id: atlassian\n"
       "  name: Atlassian\n"
       "  homepage: https://www.atlassian.com\n"
       "  hosts:\n"
       "    - {host: id.atlassian.com, role: login}\n"
       "    - {host: www.atlassian.com, role: site}\n"
       "tools:\n"
       "  - id: trello\n"
       "    name: Trello\n"
       "    homepage: https://trello.com\n"
       "    category: project-management\n"
       "    jobs: [task-board]\n"
       "    plans: {free_tier: yes, self_signup: yes}\n"
       "    signin: {password: yes, google: yes}\n"
       "    sso: {saml: paid_tier}\n"
       "    data: [business-content, files]\n"
       "    checked: 2026-11-01\n"
       "    hosts:\n"
       "      - {host: trello.com, role: app, audience: both, shared_with: [site, signup]}\n"
       "      - {host: .trellocdn.com, role: asset}\n"
       "    sequences:\n"
       "      - {id: trello-signup, then: signup-likely, within: 30m, steps: [{role: site, "
       "optional: yes}, {host: id.atlassian.com}, {host: trello.com, min_flows: 5}], require: "
       "{first_ever: user}}\n"},
      {"tools/slack.yaml",
       "vendor: Salesforce\n"
       "tools:\n"
       "  - id: slack\n"
       "    name: Slack\n"
       "    homepage: https://slack.com\n"
       "    category: project-management\n"
       "    jobs: [task-board]\n"
       "    hosts:\n"
       "      - {host: slack.com, role: site}\n"
       "      - {host: \"{tenant}.slack.com\", role: app, reserved: [hooks]}\n"},
  };
}

// with_tool adds a file with one tool of these hosts and further lines.
inline std::vector<RuleFile> with_tool(const std::string& hosts, const std::string& more = "") {
  std::vector<RuleFile> files = clean_rules();
  files.push_back({"tools/zz.yaml",
                   "vendor: Zed\ntools:\n  - id: zed\n    name: Zed\n    homepage: "
                   "https://zed.example\n    category: design\n    jobs: [diagramming]\n" +
                       more + "    hosts:\n" + hosts});
  return files;
}

// with_file replaces or adds a file.
inline std::vector<RuleFile> with_file(const std::string& path, const std::string& text) {
  std::vector<RuleFile> files = clean_rules();
  for (RuleFile& file : files) {
    if (file.path == path) {
      file.text = text;
      return files;
    }
  }
  files.push_back({path, text});
  return files;
}

inline LoadOptions test_options() {
  LoadOptions options;
  options.today = std::chrono::sys_days{std::chrono::year{2026} / 11 / 22};
  options.suffix_file = std::string{GNOMON_SOURCE_DIR} + "/tests/support/suffixes.dat";
  return options;
}

}  // namespace gnomon::testing
