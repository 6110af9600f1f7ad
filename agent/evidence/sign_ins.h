// SignIns: what of a user's last minutes may belong to a sign-in, beside the tool's own hosts.

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "agent/evidence/bursts.h"
#include "agent/evidence/model.h"
#include "agent/evidence/tool_state.h"
#include "agent/match/match.h"

namespace gnomon {

// is_mail_click tells whether only links in a tool's mails lead over this host.
bool is_mail_click(const Match& match);

// SignIns remembers, for each user, the identity provider, robot check and mail click seen last,
// and the sign-in hosts and public pages that families of tools share.
//
// Bounded: at most kMaxUsers users with kMaxFamilies families each. Nothing of it is saved:
// after a restart it fills again within minutes.
class SignIns {
 public:
  static constexpr std::size_t kMaxUsers = 64;
  static constexpr std::size_t kMaxFamilies = 32;

  // note takes one contact of `user`; names that were only looked up say nothing here. `family` is
  // the id of the family the contact belongs to when its meaning is a family, else unused.
  void note(const std::string& user, const Match& match, BurstView burst, std::string_view family,
            const Model& model);

  // before is what is known just before a contact with `tool` of `family` (empty: none). It borrows
  // from this object until the next note().
  SignIn before(const std::string& user, ToolIndex tool, std::string_view family) const;

 private:
  // Family is what was contacted of the hosts that a family of tools shares.
  struct Family {
    std::optional<WallTime> login;  // begin of the run of contacts with its sign-in
    std::string login_host;
    std::optional<WallTime> site_begin;  // of the run with its public pages
    WallTime site_last;
  };
  struct Recent {
    std::map<std::string, Family, std::less<>> families;  // by id
    std::optional<WallTime> idp;
    std::string idp_name;
    bool idp_of_company = false;
    std::uint32_t idp_burst = 0;
    std::array<FormSign, 2> form_signs;
    std::optional<WallTime> captcha;
    std::optional<WallTime> mail_click;
    WallTime last;
  };

  static void note_family(Recent& recent, const Match& match, std::string_view family,
                          const Model& model);
  Recent& recent_of(const std::string& user, WallTime when);

  std::unordered_map<std::string, Recent> users_;
};

}  // namespace gnomon
