#include "core/catalog/host_pattern.h"

#include <algorithm>

#include "core/domain_name.h"

namespace gnomon {
namespace {

bool is_wild(std::string_view compact) {
  return compact.find_first_of("*@+") != std::string_view::npos;
}

bool is_tenant_text(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

// compact_form replaces {tenant} by '@' and {tenant+} by '+', and checks characters.
Result<std::string, PatternError> compact_form(std::string_view text) {
  std::string compact;
  while (!text.empty()) {
    const char c = text.front();
    if (c == '{') {
      const std::size_t end = text.find('}');
      const std::string_view word =
          text.substr(0, end == std::string_view::npos ? text.size() : end + 1);
      if (word != "{tenant}" && word != "{tenant+}") {
        return Failure{PatternError::bad_braces};
      }
      compact.push_back(word == "{tenant}" ? '@' : '+');
      text.remove_prefix(word.size());
      continue;
    }
    if (c >= 'A' && c <= 'Z') {
      return Failure{PatternError::upper_case};
    }
    if (c == '/' || c == ':' || c == ' ') {
      return Failure{PatternError::not_a_host};
    }
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
          c == '*')) {
      return Failure{PatternError::bad_char};
    }
    compact.push_back(c);
    text.remove_prefix(1);
  }
  return compact;
}

// match_label matches one label by the usual two-pointer walk: '*' takes any number of characters,
// '@' at least one; both as few as the rest allows.
bool match_label(std::string_view wild, std::string_view label, std::string_view& tenant) noexcept {
  std::size_t w = 0;
  std::size_t at = 0;
  std::size_t star = std::string_view::npos;  // the last wildcard met, and what it holds
  std::size_t star_from = 0;
  std::size_t star_to = 0;
  const auto keep = [&] {
    if (star != std::string_view::npos && wild[star] == '@') {
      tenant = label.substr(star_from, star_to - star_from);
    }
  };
  for (;;) {
    if (w < wild.size() && (wild[w] == '*' || wild[w] == '@')) {
      keep();
      star = w++;
      star_from = at;
      star_to = at + (wild[star] == '@' ? 1 : 0);
      if (star_to > label.size()) {
        return false;
      }
      at = star_to;
    } else if (w == wild.size() && at == label.size()) {
      keep();
      return true;
    } else if (w < wild.size() && at < label.size() && wild[w] == label[at]) {
      ++w;
      ++at;
    } else if (star != std::string_view::npos && star_to < label.size()) {
      at = ++star_to;
      w = star + 1;
    } else {
      return false;
    }
  }
}

unsigned meaning_order(Meaning meaning) {
  constexpr Meaning kOrder[] = {Meaning::system_noise,  Meaning::browser_noise,   Meaning::shared,
                                Meaning::tunnel,        Meaning::host_of_others,  Meaning::relay,
                                Meaning::encrypted_dns, Meaning::ech_public_name, Meaning::consent,
                                Meaning::payment,       Meaning::mail_click,      Meaning::captcha,
                                Meaning::idp,           Meaning::family,          Meaning::tool,
                                Meaning::denied};
  return static_cast<unsigned>(std::find(std::begin(kOrder), std::end(kOrder), meaning) -
                               std::begin(kOrder));
}

}  // namespace

std::string_view to_string(PatternError error) {
  switch (error) {
    case PatternError::empty:
      return "is empty";
    case PatternError::upper_case:
      return "has capital letters; write it in lower case";
    case PatternError::not_a_host:
      return "is not a host name; leave out scheme, port and path";
    case PatternError::bad_char:
      return "has a character that no host name has; write international names in their xn-- form";
    case PatternError::bad_label:
      return "has an empty label or one over 63 characters";
    case PatternError::too_long:
      return "is longer than a host name can be";
    case PatternError::one_label:
      return "has one label only; name at least a domain";
    case PatternError::ip_literal:
      return "is an IP address; rules are about names, so name the host";
    case PatternError::bad_braces:
      return "has braces that are neither {tenant} nor {tenant+}";
    case PatternError::tenant_twice:
      return "has more than one {tenant}; make the other one a *";
    case PatternError::tenant_plus_place:
      return "has {tenant+} elsewhere than as its whole first label";
    case PatternError::wild_in_registrable:
      return "has a wildcard in its last two labels and would match other people's domains";
    case PatternError::wild_suffix:
      return "is a suffix with a wildcard; write the wildcard pattern without the dot in front";
  }
  return "";
}

Result<HostPattern, PatternError> HostPattern::parse(std::string_view text) {
  HostPattern pattern;
  pattern.text = std::string{text};
  auto compact_or = compact_form(text);
  if (!compact_or) {
    return Failure{compact_or.error()};
  }
  std::string_view compact = *compact_or;
  if (compact.size() > 1 && compact.front() == '.') {
    pattern.kind = PatternKind::suffix;
    compact.remove_prefix(1);
  }
  if (compact.empty()) {
    return Failure{PatternError::empty};
  }
  if (compact.size() > kMaxNameBytes) {
    return Failure{PatternError::too_long};
  }

  unsigned count = 0;
  unsigned tenants = 0;
  std::size_t last_wild_end = 0;  // just behind the last label with a wildcard
  unsigned behind_wild = 0;
  for (std::size_t begin = 0; begin <= compact.size(); ++count) {
    const std::size_t end = std::min(compact.find('.', begin), compact.size());
    const std::string_view label = compact.substr(begin, end - begin);
    if (label.empty() || label.size() > 63) {
      return Failure{PatternError::bad_label};
    }
    tenants += static_cast<unsigned>(std::count(label.begin(), label.end(), '@') +
                                     std::count(label.begin(), label.end(), '+'));
    if (label.find('+') != std::string_view::npos && (count != 0 || label != "+")) {
      return Failure{PatternError::tenant_plus_place};
    }
    ++behind_wild;
    if (is_wild(label)) {
      last_wild_end = end;
      behind_wild = 0;
    } else {
      ++pattern.labels;
    }
    pattern.letters += static_cast<unsigned>(std::count_if(
        label.begin(), label.end(), [](char c) { return c != '*' && c != '@' && c != '+'; }));
    begin = end + 1;
  }
  if (tenants > 1) {
    return Failure{PatternError::tenant_twice};
  }
  if (count < 2) {
    return Failure{PatternError::one_label};
  }
  if (last_wild_end == 0) {
    // DomainName knows what an IPv4 literal looks like.
    if (!DomainName::from_text(compact)) {
      return Failure{PatternError::ip_literal};
    }
    pattern.fixed = std::string{compact};
    return pattern;
  }
  if (pattern.kind == PatternKind::suffix) {
    return Failure{PatternError::wild_suffix};
  }
  if (behind_wild < 2) {
    return Failure{PatternError::wild_in_registrable};
  }
  pattern.kind = PatternKind::wild;
  pattern.has_tenant = tenants == 1;
  pattern.wild = std::string{compact.substr(0, last_wild_end)};
  pattern.fixed = std::string{compact.substr(last_wild_end + 1)};
  return pattern;
}

std::uint32_t specificity(const HostPattern& pattern, Meaning meaning) {
  const bool exact = pattern.kind == PatternKind::exact;
  const bool deny = meaning == Meaning::denied || (meaning == Meaning::shared && !exact);
  std::uint32_t form = 2;
  if (pattern.has_tenant) {
    form = pattern.wild.front() == '+' ? 1 : 3;
  }
  return (exact ? 1U << 31 : 0U) | (std::min(pattern.labels, 127U) << 24) |
         (pattern.kind == PatternKind::wild ? 1U << 23 : 0U) |
         (std::min(pattern.letters, 255U) << 15) | (deny ? 1U << 14 : 0U) | (form << 12) |
         (meaning_order(meaning) << 4);
}

bool match_wild(std::string_view wild, std::string_view left, std::string_view& tenant) noexcept {
  tenant = {};
  for (;;) {
    if (wild == "+") {
      tenant = left;
      break;
    }
    if (left.empty()) {
      return false;
    }
    const std::size_t wild_dot = wild.rfind('.');
    const std::size_t left_dot = left.rfind('.');
    const std::size_t wild_at = wild_dot == std::string_view::npos ? 0 : wild_dot + 1;
    const std::size_t left_at = left_dot == std::string_view::npos ? 0 : left_dot + 1;
    const std::string_view label = left.substr(left_at);
    const std::string_view want = wild.substr(wild_at);
    if (label.empty() || !match_label(want, label, tenant)) {
      return false;
    }
    if (wild_at == 0) {
      if (left_at != 0) {
        return false;
      }
      break;
    }
    if (left_at == 0) {
      return false;
    }
    wild = wild.substr(0, wild_dot);
    left = left.substr(0, left_dot);
  }
  // Without a wildcard for a tenant there is none to check.
  return tenant.data() == nullptr || is_tenant_text(tenant);
}

}  // namespace gnomon
