#include "collector/unknowns/reveal_book.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include <nlohmann/json.hpp>

namespace gnomon {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kDomainPrefix = "unknowns/domain/";

constexpr std::array<std::string_view, 4> kOutcomes = {"asked", "revealed", "known", "disputed"};

std::string hex(const UnknownToken& token) {
  std::string text;
  for (const std::uint8_t byte : token) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 15U];
  }
  return text;
}

std::optional<UnknownToken> token_of(std::string_view text) {
  UnknownToken token{};
  if (text.size() != 2 * token.size()) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < token.size(); ++i) {
    const char* at = text.data() + 2 * i;
    const auto [end, error] = std::from_chars(at, at + 2, token.at(i), 16);
    if (error != std::errc{} || end != at + 2) {
      return std::nullopt;
    }
  }
  return token;
}

Json to_json(const TokenId& token) {
  return {{"epoch", token.epoch}, {"token", hex(token.token)}};
}

std::optional<TokenId> token_from(const Json& json) {
  const auto token = json.is_object() ? token_of(json.value("token", "")) : std::nullopt;
  return token ? std::optional{TokenId{json.value("epoch", 0U), *token}} : std::nullopt;
}

WallTime time_of(const Json& json, const char* name) {
  return WallTime{std::chrono::nanoseconds{json.value(name, std::int64_t{0})}};
}

std::string encode(const RevealedDomain& domain) {
  Json tokens = Json::array();
  for (const TokenId& token : domain.tokens) {
    tokens.push_back(to_json(token));
  }
  return Json{{"tokens", std::move(tokens)},
              {"revealed_ns", domain.revealed.time_since_epoch().count()},
              {"min_devices", domain.min_devices}}
      .dump();
}

// decode reads what encode() wrote; nullopt for anything else.
std::optional<RevealedDomain> decode_domain(std::string name, std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("tokens")) {
    return std::nullopt;
  }
  RevealedDomain domain;
  domain.domain = std::move(name);
  for (const Json& one : json["tokens"]) {
    if (const auto token = token_from(one)) {
      domain.tokens.push_back(*token);
    }
  }
  domain.revealed = time_of(json, "revealed_ns");
  domain.min_devices = json.value("min_devices", 0U);
  return domain;
}

std::string encode(const RevealRecord& record) {
  Json json = to_json(record.token);
  json.update({{"number", record.number},
               {"when_ns", record.when.time_since_epoch().count()},
               {"outcome", to_string(record.outcome)},
               {"domain", record.domain},
               {"devices", record.devices},
               {"days", record.days},
               {"told", record.told},
               {"agreed", record.agreed}});
  return json.dump();
}

std::optional<RevealRecord> decode_record(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  const auto token = token_from(json);
  if (!token) {
    return std::nullopt;
  }
  const auto outcome = std::find(kOutcomes.begin(), kOutcomes.end(), json.value("outcome", ""));
  if (outcome == kOutcomes.end()) {
    return std::nullopt;
  }
  RevealRecord record;
  record.number = json.value("number", std::uint64_t{0});
  record.when = time_of(json, "when_ns");
  record.outcome = static_cast<RevealOutcome>(outcome - kOutcomes.begin());
  record.token = *token;
  record.domain = json.value("domain", "");
  record.devices = json.value("devices", 0U);
  record.days = json.value("days", 0U);
  record.told = json.value("told", 0U);
  record.agreed = json.value("agreed", 0U);
  return record;
}

std::string domain_key(std::string_view domain) {
  return std::string{kDomainPrefix} + std::string{domain};
}

}  // namespace

std::string_view to_string(RevealOutcome outcome) {
  return kOutcomes.at(static_cast<std::size_t>(outcome));
}

Result<Ok, IoError> RevealBook::write(RevealRecord record, std::uint32_t min_devices) {
  record.when = clock_.wall();
  return trail_.add([&](std::uint64_t number) -> Result<AuditTrail::Entry, IoError> {
    record.number = number;
    AuditTrail::Entry entry{encode(record), {}};
    if (record.outcome == RevealOutcome::revealed) {
      auto held = find(record.domain);
      if (!held) {
        return Failure{held.error()};
      }
      RevealedDomain domain =
          held->value_or(RevealedDomain{record.domain, {}, record.when, min_devices});
      if (std::find(domain.tokens.begin(), domain.tokens.end(), record.token) ==
          domain.tokens.end()) {
        domain.tokens.push_back(record.token);
      }
      entry.changes.push_back({domain_key(record.domain), encode(domain)});
    }
    return entry;
  });
}

Result<std::optional<RevealedDomain>, IoError> RevealBook::find(const std::string& domain) const {
  const auto value = store_.get(domain_key(domain));
  if (!value) {
    return Failure{value.error()};
  }
  return value->has_value() ? decode_domain(domain, **value) : std::optional<RevealedDomain>{};
}

Result<std::vector<RevealedDomain>, IoError> RevealBook::domains() const {
  std::vector<RevealedDomain> all;
  const auto read = store_.scan(kDomainPrefix, [&](std::string_view key, std::string_view value) {
    if (auto domain = decode_domain(std::string{key.substr(kDomainPrefix.size())}, value)) {
      all.push_back(std::move(*domain));
    }
    return true;
  });
  if (!read) {
    return Failure{read.error()};
  }
  return all;
}

Result<std::vector<RevealRecord>, IoError> RevealBook::record() const {
  std::vector<RevealRecord> all;
  const auto read = trail_.read([&](std::string_view text) {
    if (auto record = decode_record(text)) {
      all.push_back(std::move(*record));
    }
  });
  if (!read) {
    return Failure{read.error()};
  }
  return all;
}

}  // namespace gnomon
