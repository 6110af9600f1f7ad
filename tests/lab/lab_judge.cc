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
#include <memory>
#include <string>
#include <vector>

#include "agent/evidence/evidence.h"
#include "agent/match/matcher.h"
#include "core/catalog/default_pack.h"
#include "core/counters.h"

#include <nlohmann/json.hpp>

namespace gnomon {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint16_t kCname = 5;  // IANA DNS resource record types

class NoContacts final : public ContactSink {
 public:
  void on_contact(Contact /*contact*/) override {}
};

Json features_of(const Features& f) {
  return {{"signup_host", f.signup_host},
          {"sequence", f.sequence},
          {"login_then_app", f.login_then_app},
          {"site_then_app", f.site_then_app},
          {"site_read", f.site_read},
          {"app_first", f.app_first},
          {"sequence_rule", f.sequence_rule},
          {"first_ever", f.first_ever},
          {"new_tenant", f.new_tenant},
          {"form_time", f.form_time},
          {"mail_click", f.mail_click},
          {"captcha", f.captcha},
          {"back_end_later", f.back_end_later},
          {"one_look", f.one_look},
          {"app_session", f.app_session},
          {"second_day", f.second_day},
          {"guest_only", f.guest_only},
          {"dns_only", f.dns_only},
          {"more_pages", f.more_pages},
          {"own_tenant", f.own_tenant},
          {"slow_arrival", f.slow_arrival},
          {"form_only", f.form_only},
          {"company_sign_in", f.company_sign_in}};
}

// Story judges one timeline after the other.
class Story {
 public:
  Story(std::shared_ptr<const RulePack> pack, const Json& head)
      : head_(head), matcher_(pack, counters_), room_(std::move(pack), {}, counters_, sink_) {
    begin_ = head.at("begin").get<double>();
  }

  void add(const Json& line) {
    Sighting sighting;
    const double t = begin_ + line.at("t").get<double>();
    sighting.when = WallTime{std::chrono::nanoseconds{std::llround(t * 1e6) * 1000}};
    sighting.source = parse_source(line.at("s").get<std::string>()).value_or(Source::dns);
    sighting.host = line.at("h").get<std::string>();
    if (sighting.source == Source::dns) {
      sighting.dns = dns_of(line);
    } else {
      sighting.hello = hello_of(line);
    }
    if (const auto match = matcher_.match(std::move(sighting))) {
      room_.add(*match);
    }
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
  // A question; or an answer, of which the chain of aliases was kept.
  static DnsDetail dns_of(const Json& line) {
    DnsDetail dns;
    std::string name = line.at("h").get<std::string>();
    if (line.contains("cn")) {
      dns.answer = true;
      for (const auto& alias : line.at("cn")) {
        dns.answers.push_back({name, kCname, alias.get<std::string>(), 0, DnsSection::answer});
        name = dns.answers.back().data;
      }
    }
    return dns;
  }

  // Hellos repeat: the head of the story lists them, a line names one by its number.
  HelloDetail hello_of(const Json& line) const {
    HelloDetail hello;
    if (line.contains("f")) {
      const Json& facts = head_.at("hellos").at(line.at("f").get<std::size_t>());
      hello.alpn = facts.at(0).get<std::vector<std::string>>();
      hello.ech = facts.at(1).get<std::string>() == "none" ? Ech::none : Ech::grease;
      hello.ja4 = facts.at(2).get<std::string>();
    }
    return hello;
  }

  Json head_;
  double begin_ = 0;
  Counters counters_;
  NoContacts sink_;
  Matcher matcher_;
  EvidenceRoom room_;
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
