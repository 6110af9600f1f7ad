// lab_judge: judges timelines (tests/lab/timeline.py) with the rooms that judge on a workstation.
//
//   lab_judge [--rules PACK --trust FILE] [--features] TIMELINE...
//
// One JSON object a line:
// {"story","tool","stage","confidence","signup_probability","features",...}. Needs no root and no
// browser: the accuracy of a change to the rules or the evidence room can be recomputed from the
// timelines in tests/lab/recorded.

#include <chrono>
#include <cmath>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/evidence/evidence.h"
#include "agent/match/match.h"
#include "core/catalog/default_pack.h"
#include "core/counters.h"

#include <nlohmann/json.hpp>

namespace gnomon {
namespace {

using Json = nlohmann::ordered_json;

class NoContacts final : public ContactSink {
 public:
  void on_contact(Contact /*contact*/) override {}
};

Json features_of(const Features& f) {
  return {{"signup_host", f.signup_host},       {"sequence", f.sequence},
          {"login_then_app", f.login_then_app}, {"site_then_app", f.site_then_app},
          {"site_read", f.site_read},           {"app_first", f.app_first},
          {"sequence_rule", f.sequence_rule},   {"first_ever", f.first_ever},
          {"new_tenant", f.new_tenant},         {"long_login", f.long_login},
          {"mail_click", f.mail_click},         {"captcha", f.captcha},
          {"app_session", f.app_session},       {"second_day", f.second_day},
          {"guest_only", f.guest_only},         {"dns_only", f.dns_only}};
}

// Story judges one timeline after the other.
class Story {
 public:
  Story(std::shared_ptr<const RulePack> pack, const Json& head)
      : pack_(std::move(pack)), head_(head), room_(pack_, {}, counters_, sink_) {
    begin_ = head.at("begin").get<double>();
  }

  void add(const Json& line) {
    Match match;
    Sighting& sighting = match.sighting;
    const double t = begin_ + line.at("t").get<double>();
    sighting.when = WallTime{std::chrono::nanoseconds{std::llround(t * 1e6) * 1000}};
    sighting.source = parse_source(line.at("s").get<std::string>()).value_or(Source::dns);
    sighting.host = line.at("h").get<std::string>();
    if (line.contains("cn")) {
      for (const auto& alias : line.at("cn")) {
        aliases_[sighting.host] = alias.get<std::string>();
        if (pack_->match(aliases_[sighting.host]).meaning == Meaning::tool) {
          break;
        }
      }
    }
    if (sighting.source != Source::dns) {
      // Hellos repeat: the head of the story lists them, a line names one by its number.
      HelloDetail hello;
      if (line.contains("f")) {
        const Json& facts = head_.at("hellos").at(line.at("f").get<std::size_t>());
        hello.alpn = facts.at(0).get<std::vector<std::string>>();
        hello.ech = facts.at(1).get<std::string>() == "none" ? Ech::none : Ech::grease;
        hello.ja4 = facts.at(2).get<std::string>();
      }
      sighting.hello = hello;
    }
    fill(match);
    room_.add(match);
  }

  void finish(bool features, bool evidence, std::ostream& out) {
    room_.finish();
    for (const Judgement& judgement : room_.judgements()) {
      Json row{{"story", head_.at("id")},
               {"tool", judgement.tool},
               {"stage", std::string{to_string(judgement.verdict.stage)}},
               {"confidence", judgement.verdict.confidence / 1000.0}};
      if (features) {
        row["signup_probability"] = judgement.signup_probability;
        row["features"] = features_of(judgement.features);
      }
      if (evidence) {
        for (const Evidence& why : judgement.evidence) {
          const double t = std::chrono::duration<double>(why.when.time_since_epoch()).count();
          row["evidence"].push_back({t - begin_, why.what, why.host});
        }
      }
      out << row.dump() << '\n';
    }
  }

 private:
  void fill(Match& match) const {
    HostMatch found = pack_->match(match.sighting.host);
    if (found.meaning == Meaning::unknown) {
      const auto alias = aliases_.find(match.sighting.host);
      if (alias != aliases_.end()) {
        found = pack_->match(alias->second);
        match.by_alias = found.meaning == Meaning::tool;
        found = match.by_alias ? found : HostMatch{};
      }
    }
    match.meaning = found.meaning;
    match.also = found.also;
    match.tool = found.tool;
    match.role = found.role;
    match.audience = found.audience;
    match.confidence = found.confidence;
    match.weight = found.weight;
    match.shared_with = found.shared_with;
    match.owner = found.owner;
    match.account = found.account;
    match.tenant = match.by_alias ? "" : std::string{found.tenant};
    match.name = found.name;
    match.rule = found.rule;
  }

  std::shared_ptr<const RulePack> pack_;
  Json head_;
  double begin_ = 0;
  Counters counters_;
  NoContacts sink_;
  EvidenceRoom room_;
  std::map<std::string, std::string> aliases_;
};

int run(int argc, char** argv) {
  PackPlace place;
  bool features = false;
  bool evidence = false;
  std::vector<std::string> files;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--rules" && i + 1 < argc) {
      place.pack = argv[++i];
    } else if (word == "--trust" && i + 1 < argc) {
      place.trust = argv[++i];
    } else if (word == "--features") {
      features = true;
    } else if (word == "--evidence") {
      evidence = true;
    } else {
      files.push_back(word);
    }
  }
  const auto pack = load_pack(place);
  if (!pack) {
    std::cerr << "lab_judge: " << pack.error().text << '\n';
    return 2;
  }
  for (const std::string& file : files) {
    std::ifstream in{file};
    if (!in) {
      std::cerr << "lab_judge: " << file << " cannot be read\n";
      return 2;
    }
    std::unique_ptr<Story> story;
    for (std::string text; std::getline(in, text);) {
      const Json line = Json::parse(text);
      if (line.contains("story")) {
        if (story) {
          story->finish(features, evidence, std::cout);
        }
        story = std::make_unique<Story>(*pack, line.at("story"));
      } else if (story) {
        story->add(line);
      }
    }
    if (story) {
      story->finish(features, evidence, std::cout);
    }
  }
  return 0;
}

}  // namespace
}  // namespace gnomon

int main(int argc, char** argv) {
  return gnomon::run(argc, argv);
}
