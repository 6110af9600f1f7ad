#include "collector/rules_in_use.h"

#include <utility>

#include "collector/ingest/ingest_server.h"
#include "collector/query/query.h"
#include "collector/review/review.h"
#include "core/log.h"

namespace gnomon {

std::optional<std::string> RulesInUse::open_catalogue() {
  auto loaded = open_rules(files_, config_.rules, config_.trust);
  if (!loaded) {
    return loaded.error();
  }
  if (!loaded->has_value()) {
    log::warn("collector.no_rule_pack", {{"effect", "tools are called by their ids"}});
  }
  catalogue_ = loaded->value_or(OfferedRules{});
  return std::nullopt;
}

std::optional<std::string> RulesInUse::open_own() {
  if (catalogue_.pack == nullptr) {
    return std::nullopt;
  }
  auto opened = OwnRules::open(
      files_, clock_, {config_.overlay, config_.data + "/ca", config_.data + "/overlay.pack"},
      catalogue_.pack);
  if (!opened) {
    return "the company's own rules cannot be used: " + opened.error();
  }
  own_rules_ = std::move(*opened);
  static_cast<void>(own_rules_->read_file());
  return std::nullopt;
}

std::shared_ptr<const RulePack> RulesInUse::now() const {
  return own_rules_ == nullptr ? catalogue_.pack : own_rules_->rules();
}

void RulesInUse::followed_by(Query& query, Review& review) {
  query_ = &query;
  review_ = &review;
  follow_list_in_use();
}

void RulesInUse::offer_to(IngestServer& ingest) {
  ingest_ = &ingest;
  if (catalogue_.pack != nullptr) {
    ingest.offer(wire::PushKind::rule_pack,
                 PushContent{catalogue_.version, std::exchange(catalogue_.bytes, {})});
  }
  offer_overlay();
}

Reading RulesInUse::read_file() {
  return own_rules_ == nullptr ? Reading{} : follow(own_rules_->read_file());
}

Reading RulesInUse::replace_keys() {
  return own_rules_ == nullptr ? Reading{} : follow(own_rules_->replace_keys());
}

// follow makes everything follow an overlay that is new.
Reading RulesInUse::follow(Reading reading) {
  if (reading.what == Reading::What::taken) {
    query_->set_pack(own_rules_->rules());
    follow_list_in_use();
    offer_overlay();
  }
  return reading;
}

void RulesInUse::follow_list_in_use() {
  const auto overlay = own_rules_ == nullptr ? nullptr : own_rules_->overlay();
  if (overlay == nullptr) {
    return;
  }
  if (const auto followed = follow_list(*review_, *overlay, *own_rules_->rules()); !followed) {
    log::warn("overlay.list_not_followed", {{"why", followed.error().text}});
  }
}

void RulesInUse::offer_overlay() {
  if (own_rules_ != nullptr && own_rules_->overlay() != nullptr) {
    ingest_->offer(wire::PushKind::overlay,
                   PushContent{own_rules_->overlay()->version(), own_rules_->bytes()});
  }
}

}  // namespace gnomon
