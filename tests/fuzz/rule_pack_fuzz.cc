// The body of a pack behind a good signature, and the container with whatever signature it has:
// any bytes give a pack that answers, or a PackError.

#include <string_view>
#include <utility>

#include "core/catalog/compiled_pack.h"
#include "core/catalog/trust.h"

namespace {

void ask(const gnomon::RulePack& pack, std::string_view rest) {
  for (const std::string_view host :
       {std::string_view{"trello.com"}, std::string_view{"acme.slack.com"},
        std::string_view{"us1.admin.mailchimp.com"}, std::string_view{"eu-sso2.x.trello.com"},
        rest}) {
    const gnomon::HostMatch match = pack.match(host);
    // Property: a tenant and a label lie inside the host that was asked about.
    for (const std::string_view part : {match.tenant, match.label}) {
      if (!part.empty() &&
          (part.data() < host.data() || part.data() + part.size() > host.data() + host.size())) {
        __builtin_trap();
      }
    }
    if (match.meaning == gnomon::Meaning::tool && match.tool >= pack.tool_count()) {
      __builtin_trap();
    }
    static_cast<void>(pack.rule_text(match.rule));
    static_cast<void>(pack.registrable_domain(host));
  }
  for (gnomon::ToolIndex tool = 0; tool < pack.tool_count() && tool < 64; ++tool) {
    static_cast<void>(pack.tool(tool));
  }
  static_cast<void>(pack.categories());
  static_cast<void>(pack.jobs());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const gnomon::Bytes input{data, size};
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  static_cast<void>(gnomon::RulePack::from_bytes(input, {}));
  static_cast<void>(gnomon::take_apart(input));
  static_cast<void>(gnomon::parse_trust(text));
  gnomon::OpenedPack opened;
  // A whole pack is opened at its body, anything else is a body.
  gnomon::PackBytes bytes = gnomon::PackBytes::copy_of(input);
  const auto parts = gnomon::take_apart(bytes.view());
  opened.body = parts ? parts->body : bytes.view();
  if (const auto pack = gnomon::CompiledPack::open_body(std::move(opened), std::move(bytes))) {
    ask(**pack, text.substr(0, 300));
  }
  return 0;
}
