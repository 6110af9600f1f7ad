#include "agent/evidence/evidence.h"

#include <algorithm>
#include <array>

#include "agent/evidence/state_codec.h"
#include "core/check.h"

namespace gnomon {
namespace {

constexpr std::size_t kMaxUsers = 64;
constexpr std::size_t kMaxFamilyLogins = 32;
constexpr std::chrono::seconds kSettleAfter{6};

// Program names of the browsers of Linux, Windows and macOS, lower-case.
constexpr std::array<std::string_view, 21> kBrowsers{
    "chrome",          "chromium",      "google-chrome",
    "chrome_crashpad", "firefox",       "firefox-esr",
    "firefox-bin",     "msedge",        "microsoft-edge",
    "brave",           "brave-browser", "opera",
    "vivaldi",         "vivaldi-bin",   "safari",
    "epiphany",        "falkon",        "librewolf",
    "konqueror",       "midori",        "arc"};

// What runs scripts; the beginning of the name is enough ("python3.11").
constexpr std::array<std::string_view, 12> kInterpreters{"python", "curl", "wget", "node",
                                                         "ruby",   "php",  "perl", "java",
                                                         "deno",   "bun",  "pwsh", "powershell"};

bool shares(const Match& match, Role role) {
  return (match.shared_with & (1U << static_cast<unsigned>(role))) != 0;
}

// Mail services track clicks under a name of the sender's own ("links.example.com"), which the
// catalogue rarely lists: under a known tool, the first label tells.
bool is_branded_click(const Match& match) {
  constexpr std::array<std::string_view, 8> kLabels{"click", "clicks", "email",   "em",
                                                    "link",  "links",  "mailing", "track"};
  if (match.meaning != Meaning::tool && match.meaning != Meaning::family) {
    return false;
  }
  const std::string_view host = match.sighting.host;
  const std::string_view label = host.substr(0, host.find('.'));
  return match.confidence == RuleConfidence::low &&
         std::find(kLabels.begin(), kLabels.end(), label) != kLabels.end();
}

bool nobody_asks_why(Role role) {
  return role == Role::embed || role == Role::link || role == Role::asset || role == Role::idp;
}

// offered_ciphers reads the count out of a JA4, "t13d1516h2_...": 15. Zero when there is none.
unsigned offered_ciphers(const std::string& ja4) {
  constexpr std::size_t kAt = 4;
  if (ja4.size() < kAt + 2) {
    return 0;
  }
  const auto digit = [&](std::size_t i) {
    const char c = ja4.at(i);
    return c >= '0' && c <= '9' ? static_cast<unsigned>(c - '0') : 0U;
  };
  return digit(kAt) * 10 + digit(kAt + 1);
}

Maker maker_of(const Sighting& sighting) {
  const std::string& program = sighting.process.program;
  if (!program.empty()) {
    const auto begins = [&](std::string_view name) { return program.starts_with(name); };
    if (std::any_of(kBrowsers.begin(), kBrowsers.end(), begins)) {
      return Maker::browser;
    }
    if (sighting.hello && sighting.hello->ech != Ech::none) {
      return Maker::unknown;  // an installed client with a browser's engine inside
    }
    return std::any_of(kInterpreters.begin(), kInterpreters.end(), begins) ? Maker::script
                                                                           : Maker::program;
  }
  if (!sighting.hello) {
    return Maker::unknown;
  }
  // Every present Chrome, Edge and Firefox hello carries the ECH extension (reference: 73 of 73
  // recorded hellos); no common library does. Libraries for programs offer no HTTP/2 or /3, or a
  // long list of ciphers; JA4 says both ("t13d1516h2_...").
  const HelloDetail& hello = *sighting.hello;
  if (hello.ech != Ech::none) {
    return Maker::browser;
  }
  const bool web = std::any_of(hello.alpn.begin(), hello.alpn.end(), [](const std::string& alpn) {
    return alpn == "h2" || alpn == "h3";
  });
  // No browser offers more than 20 ciphers in TLS 1.3; OpenSSL's default list, and with it curl,
  // has 30 and more.
  constexpr unsigned kMoreThanBrowsers = 26;
  return web && offered_ciphers(hello.ja4) <= kMoreThanBrowsers ? Maker::unknown : Maker::script;
}

}  // namespace

EvidenceRoom::EvidenceRoom(std::shared_ptr<const RulePack> pack, EvidenceOptions options,
                           Counters& counters, ContactSink& sink)
    : pack_(std::move(pack)),
      options_(std::move(options)),
      model_(model_of(*pack_)),
      sink_(sink),
      matches_(counters.counter("evidence_matches_total", "Matches taken by the evidence room.")),
      unattributed_(counters.counter("evidence_unattributed_total",
                                     "Matches that no tool is credited with.")),
      contacts_(counters.counter("evidence_contacts_total", "Contacts made.")),
      states_forgotten_(counters.counter("evidence_states_forgotten_total",
                                         "User and tool pairs forgotten for want of room.")),
      blind_encrypted_dns_(counters.counter(
          "evidence_blind_total", "Contacts that show a blind spot.", {{"kind", "encrypted-dns"}})),
      blind_ech_(counters.counter("evidence_blind_total", {}, {{"kind", "ech"}})),
      blind_relay_(counters.counter("evidence_blind_total", {}, {{"kind", "relay"}})),
      bursts_(model_),
      windows_(options_.windows) {
  read_pack();
}

void EvidenceRoom::read_pack() {
  tools_.clear();
  known_sequences_.clear();
  for (ToolIndex i = 0; i < pack_->tool_count(); ++i) {
    const ToolView tool = pack_->tool(i);
    const auto message = [](std::string_view job) {
      return job == "mail-and-calendar" || job == "team-chat" || job == "community-chat";
    };
    tools_.push_back(
        {tool.id, tool.family, std::any_of(tool.jobs.begin(), tool.jobs.end(), message)});
  }
  for (const Sequence& sequence : pack_->sequences()) {
    known_sequences_.push_back({&sequence, tools_.at(sequence.tool).family});
  }
}

void EvidenceRoom::set_pack(std::shared_ptr<const RulePack> pack) {
  pack_ = std::move(pack);
  model_ = model_of(*pack_);
  bursts_.set_model(model_);
  sequences_.clear();
  read_pack();
}

ToolState& EvidenceRoom::state_of(const StateKey& key) {
  const auto found = states_.find(key);
  if (found != states_.end()) {
    return found->second;
  }
  if (states_.size() >= options_.max_states) {
    const auto oldest = std::min_element(
        states_.begin(), states_.end(),
        [](const auto& a, const auto& b) { return a.second.last() < b.second.last(); });
    states_.erase(oldest);
    states_forgotten_.add();
  }
  return states_[key];
}

void EvidenceRoom::set_known_before(const std::vector<std::string>& tools) {
  known_before_ = {tools.begin(), tools.end()};
}

BurstView EvidenceRoom::add(const Match& match) {
  matches_.add();
  const WallTime when = match.sighting.when;
  if (!learning_until_) {
    learning_until_ = when + options_.learning;
  }
  advance(when);

  const std::string user =
      options_.user_name ? options_.user_name(match.sighting.process) : std::string{};
  if (users_.size() >= kMaxUsers && !users_.contains(user)) {
    users_.erase(users_.begin());
  }
  UserState& about = users_[user];

  BurstView burst;
  bool repeat = false;
  if (match.sighting.source != Source::dns) {
    std::optional<ToolIndex> family;
    bool message = false;
    if (match.meaning == Meaning::tool) {
      family = tools_.at(match.tool).family;
      message = tools_.at(match.tool).message;
    }
    burst = bursts_.add(user, match, family, message);
    repeat =
        about.last_host == match.sighting.host && when - about.last_hello < std::chrono::seconds{1};
    about.last_host = match.sighting.host;
    about.last_hello = when;
  }
  note_signals(match, burst, about);
  if (match.meaning == Meaning::family && match.role == Role::login &&
      match.sighting.source != Source::dns) {
    if (about.family_logins.size() >= kMaxFamilyLogins) {
      about.family_logins.erase(about.family_logins.begin());
    }
    auto& [at, host] = about.family_logins[std::string{tools_.at(match.tool).id}];
    // The first of a run of contacts: how long the sign-in took is counted from there.
    if (host.empty() || when - at > model_.login_credit) {
      at = when;
      host = match.sighting.host;
    }
  }
  if (match.meaning == Meaning::tool) {
    add_tool(match, user, about, burst, repeat);
  } else {
    unattributed_.add();
    if (match.meaning == Meaning::family && match.sighting.source != Source::dns) {
      follow_sequences(match, user);
    }
  }
  return burst;
}

void EvidenceRoom::note_signals(const Match& match, BurstView burst, UserState& about) {
  if (match.sighting.source == Source::dns) {
    return;
  }
  const WallTime when = match.sighting.when;
  // Many pages load a provider's script ("sign in with one tap"). Only a provider that was opened,
  // in a page load that no other page leads, says that somebody signs in.
  if (match.is(Meaning::idp) && burst.led_by == LedBy::unclear) {
    about.idp = when;
    about.idp_name = match.name;
    if (match.account == AccountKind::work) {
      about.idp_name += " (usually a work account)";
    } else if (match.account == AccountKind::personal) {
      about.idp_name += " (usually a private account)";
    }
  }
  if (match.is(Meaning::captcha)) {
    about.captcha = when;
  }
  if (match.is(Meaning::mail_click) || match.role == Role::link || is_branded_click(match)) {
    about.mail_click = when;
  }
  blind_encrypted_dns_.add(match.is(Meaning::encrypted_dns) ? 1 : 0);
  blind_ech_.add(match.is(Meaning::ech_public_name) ? 1 : 0);
  blind_relay_.add(match.is(Meaning::relay) ? 1 : 0);
}

SignIn EvidenceRoom::sign_in_of(const UserState& about, std::optional<ToolIndex> family) const {
  SignIn sign_in;
  if (family) {
    const auto login = about.family_logins.find(std::string{tools_.at(*family).id});
    if (login != about.family_logins.end()) {
      sign_in.family_login = login->second.first;
      sign_in.family_host = login->second.second;
    }
  }
  sign_in.idp = about.idp;
  sign_in.idp_name = about.idp_name;
  sign_in.captcha = about.captcha;
  sign_in.mail_click = about.mail_click;
  return sign_in;
}

void EvidenceRoom::add_tool(const Match& match, const std::string& user, UserState& about,
                            BurstView burst, bool repeat) {
  const Sighting& sighting = match.sighting;
  const ToolFacts& tool = tools_.at(match.tool);
  const StateKey key{user, std::string{tool.id}};
  ToolState& state = state_of(key);
  const Verdict before = state.verdict(model_, sighting.when);

  Step step;
  step.when = sighting.when;
  step.source = sighting.source;
  step.role = match.role;
  step.audience = match.audience;
  step.confidence = match.confidence;
  step.weight = match.weight;
  step.shared_with_site = shares(match, Role::site);
  step.shared_with_signup = shares(match, Role::signup);
  step.shared_with_embed = shares(match, Role::embed);
  step.behind_site = burst.behind_site;
  step.behind_shared = burst.behind_shared;
  step.entry = burst.entry;
  step.burst = burst.number;
  step.run_begin = burst.run_begin;
  step.led_by = burst.led_by;
  step.maker = maker_of(sighting);
  step.host = sighting.host;
  step.tenant = match.tenant;
  step.repeat = repeat;
  step.mail_click = match.role == Role::link || is_branded_click(match);
  step.by_alias = match.by_alias;
  step.tenant_owner = match.owner;
  const bool learning =
      (learning_until_ && sighting.when < *learning_until_) || known_before_.contains(tool.id);
  const bool was_pending = state.pending();
  state.add(step, sign_in_of(about, tool.family), model_, learning);
  if (state.pending() && !was_pending) {
    pending_.push_back({key, user, burst.number, sighting.when + kSettleAfter});
  }
  if (sighting.source != Source::dns) {
    follow_sequences(match, user);
  }

  Contact& contact =
      windows_.add(WindowKey{key.second, match.tenant, user, sighting.process.program, match.role},
                   sighting.when, sighting.source);
  if (contact.audience == Audience::unknown) {
    contact.audience = match.audience;
  }
  contact.pack_version = pack_->version();
  const Verdict after = state.verdict(model_, sighting.when);
  if (after.stage != before.stage) {
    windows_.hasten(key.second, user, sighting.when);
  }
}

bool EvidenceRoom::step_sequence(const Sequence& sequence, const Match& match,
                                 SequenceProgress& progress) {
  const std::chrono::seconds within{sequence.within_s};
  if (progress.next_step > 0 && match.sighting.when - progress.begun > within) {
    progress = SequenceProgress{};
  }
  // Optional steps may be passed over, so the match may belong to a later step.
  for (std::size_t i = progress.next_step; i < sequence.steps.size(); ++i) {
    const SequenceStep& step = sequence.steps[i];
    const bool here =
        step.rule ? *step.rule == match.rule : step.role == match.role || shares(match, step.role);
    if (here) {
      progress.flows = i == progress.next_step ? progress.flows : 0;
      if (progress.next_step == 0 && progress.flows == 0) {
        progress.begun = match.sighting.when;
      }
      progress.next_step = i;
      if (++progress.flows >= step.min_flows) {
        progress.next_step = i + 1;
        progress.flows = 0;
      }
      break;
    }
    if (!step.optional) {
      break;
    }
  }
  if (progress.next_step < sequence.steps.size()) {
    return false;
  }
  progress = SequenceProgress{};
  return true;
}

void EvidenceRoom::follow_sequences(const Match& match, const std::string& user) {
  for (const SequenceFacts& facts : known_sequences_) {
    const Sequence& sequence = *facts.sequence;
    const bool concerned =
        match.meaning == Meaning::family ? facts.family == match.tool : sequence.tool == match.tool;
    if (!concerned) {
      continue;
    }
    const StateKey key{user, std::string{tools_.at(sequence.tool).id}};
    if (step_sequence(sequence, match, sequences_[{key, std::string{sequence.id}}])) {
      if (const auto state = states_.find(key); state != states_.end()) {
        state->second.sequence_done(match.sighting.when, sequence.id);
      }
    }
  }
}

void EvidenceRoom::settle_pending(WallTime now) {
  for (std::size_t i = 0; i < pending_.size();) {
    if (pending_[i].due > now) {
      ++i;
      continue;
    }
    const Pending due = pending_[i];
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(i));
    const auto state = states_.find(due.key);
    if (state == states_.end()) {
      continue;
    }
    const Verdict before = state->second.verdict(model_, now);
    state->second.settle(bursts_.company(due.user, due.burst), model_);
    if (state->second.verdict(model_, now).stage != before.stage) {
      windows_.hasten(due.key.second, due.user, due.due);
    }
  }
}

void EvidenceRoom::advance(WallTime now) {
  now_ = std::max(now_, now);
  settle_pending(now_);
  if (windows_.next_due() <= now_) {
    emit(windows_.close(now_));
  }
}

void EvidenceRoom::finish() {
  settle_pending(WallTime::max());
  emit(windows_.close_all());
}

void EvidenceRoom::emit(std::vector<Contact> contacts) {
  for (Contact& contact : contacts) {
    const auto state = states_.find(StateKey{contact.user, contact.tool});
    if (state != states_.end()) {
      const Verdict verdict = state->second.verdict(model_, contact.last);
      contact.stage = verdict.stage;
      contact.confidence = verdict.confidence;
      // Embeds are many and explain themselves; their reasons would be most of what is sent.
      if (!nobody_asks_why(contact.role)) {
        contact.evidence = state->second.evidence();
      }
    }
    contacts_.add();
    sink_.on_contact(std::move(contact));
  }
}

std::vector<Judgement> EvidenceRoom::judgements() const {
  std::vector<Judgement> all;
  all.reserve(states_.size());
  for (const auto& [key, state] : states_) {
    Judgement judgement;
    judgement.user = key.first;
    judgement.tool = key.second;
    judgement.verdict = state.verdict(model_, now_);
    judgement.signup_probability = state.probability_of_signup(model_);
    judgement.features = state.features();
    judgement.by_role = state.by_role();
    judgement.tenants = state.tenants();
    judgement.first = state.first();
    judgement.last = state.last();
    judgement.evidence = state.evidence();
    all.push_back(std::move(judgement));
  }
  return all;
}

std::vector<std::uint8_t> EvidenceRoom::save() const {
  return StateCodec::encode(states_, learning_until_);
}

Result<Ok, StateFault> EvidenceRoom::load(Bytes bytes) {
  auto decoded = StateCodec::decode(bytes);
  if (!decoded) {
    return Failure{decoded.error()};
  }
  states_ = std::move(decoded->states);
  learning_until_ = decoded->learning_until;
  sequences_.clear();
  pending_.clear();
  return Ok{};
}

}  // namespace gnomon
