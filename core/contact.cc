#include "core/contact.h"

#include <array>
#include <utility>

namespace gnomon {
namespace {

template <typename T, std::size_t N>
using Words = std::array<std::pair<T, std::string_view>, N>;

constexpr Words<Source, 4> kSources{
    {{Source::dns, "dns"}, {Source::tls, "tls"}, {Source::quic, "quic"}, {Source::http, "http"}}};

constexpr Words<Role, 12> kRoles{{{Role::unknown, "unknown"},
                                  {Role::site, "site"},
                                  {Role::signup, "signup"},
                                  {Role::login, "login"},
                                  {Role::app, "app"},
                                  {Role::client, "client"},
                                  {Role::api, "api"},
                                  {Role::embed, "embed"},
                                  {Role::content, "content"},
                                  {Role::link, "link"},
                                  {Role::asset, "asset"},
                                  {Role::idp, "idp"}}};

constexpr Words<Audience, 5> kAudiences{{{Audience::unknown, "unknown"},
                                         {Audience::user, "user"},
                                         {Audience::guest, "guest"},
                                         {Audience::both, "both"},
                                         {Audience::visitor, "visitor"}}};

constexpr Words<Stage, 9> kStages{{{Stage::none, "none"},
                                   {Stage::embedded, "embedded"},
                                   {Stage::mentioned, "mentioned"},
                                   {Stage::visited, "visited"},
                                   {Stage::guest, "guest"},
                                   {Stage::signup_likely, "signup-likely"},
                                   {Stage::active, "active"},
                                   {Stage::integrated, "integrated"},
                                   {Stage::dormant, "dormant"}}};

template <typename T, std::size_t N>
std::string_view word_of(const Words<T, N>& words, T value) {
  for (const auto& [known, word] : words) {
    if (known == value) {
      return word;
    }
  }
  return "unknown";
}

template <typename T, std::size_t N>
std::optional<T> value_of(const Words<T, N>& words, std::string_view word) {
  for (const auto& [known, text] : words) {
    if (text == word) {
      return known;
    }
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(Source source) {
  return word_of(kSources, source);
}
std::string_view to_string(Role role) {
  return word_of(kRoles, role);
}
std::string_view to_string(Audience audience) {
  return word_of(kAudiences, audience);
}
std::string_view to_string(Stage stage) {
  return word_of(kStages, stage);
}
std::optional<Source> parse_source(std::string_view word) {
  return value_of(kSources, word);
}
std::optional<Role> parse_role(std::string_view word) {
  return value_of(kRoles, word);
}
std::optional<Audience> parse_audience(std::string_view word) {
  return value_of(kAudiences, word);
}
std::optional<Stage> parse_stage(std::string_view word) {
  return value_of(kStages, word);
}

}  // namespace gnomon
