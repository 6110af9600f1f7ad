#include "agent/evidence/state_codec.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace gnomon {
namespace {

constexpr std::string_view kMagic = "GNEVID02";
constexpr std::string_view kFormerMagic = "GNEVID01";
constexpr std::size_t kMaxText = 512;
constexpr std::uint32_t kMaxStates = 65536;
constexpr std::int64_t kNoTime = INT64_MIN;

std::int64_t number_of(const std::optional<WallTime>& when) {
  return when ? when->time_since_epoch().count() : kNoTime;
}

void write_time(ByteWriter& writer, const std::optional<WallTime>& when) {
  writer.u64(static_cast<std::uint64_t>(number_of(when)));
}

std::uint64_t read_u64(ByteReader& reader) {
  const std::uint64_t high = reader.u32();
  return high << 32 | reader.u32();
}

std::optional<WallTime> read_time(ByteReader& reader) {
  const auto count = static_cast<std::int64_t>(read_u64(reader));
  if (count == kNoTime) {
    return std::nullopt;
  }
  return WallTime{std::chrono::nanoseconds{count}};
}

void write_text(ByteWriter& writer, std::string_view text) {
  const std::string_view kept = text.substr(0, kMaxText);
  writer.u16(static_cast<std::uint16_t>(kept.size()));
  writer.text(kept);
}

bool read_text(ByteReader& reader, std::string& text) {
  const std::size_t size = reader.u16();
  if (size > kMaxText) {
    return false;
  }
  const Bytes run = reader.take(size);
  text.assign(run.begin(), run.end());
  return reader.ok();
}

}  // namespace

// Steps is how format 1 told times: by steps.
struct StateCodec::Steps {
  bool site_read = false;
  bool site_studied = false;
  bool long_login = false;
  bool form_filled = false;
  bool slow_arrival = false;
};

// The flags of a state in the order of their bits; those of the steps are 0 since format 2.
template <typename State, typename Old>
auto StateCodec::flags_of(State& s, Old& steps) {
  return std::array{
      &s.known_before_,    &s.signup_host_,     &s.sequence_,       &s.login_then_app_,
      &s.sequence_rule_,   &s.new_tenant_,      &steps.long_login,  &s.mail_click_,
      &s.captcha_,         &s.app_session_,     &s.exclusive_use_,  &s.guest_seen_,
      &s.program_api_,     &s.browser_api_,     &s.site_then_app_,  &steps.site_read,
      &s.app_first_,       &s.inside_,          &s.form_host_,      &s.back_end_,
      &s.back_end_later_,  &s.invited_,         &s.later_use_,      &s.site_asks_,
      &steps.site_studied, &s.more_pages_,      &s.own_tenant_,     &s.other_tenant_,
      &steps.form_filled,  &steps.slow_arrival, &s.company_sign_in_};
}

void StateCodec::write_state(ByteWriter& writer, const ToolState& s) {
  write_time(writer, s.first_);
  write_time(writer, s.last_);
  for (const std::uint32_t count : s.by_role_) {
    writer.u32(count);
  }
  writer.u32(s.hellos_);
  writer.u32(s.use_hellos_);
  writer.u32(s.guest_hellos_);
  for (const auto* when : {&s.first_use_, &s.last_use_, &s.last_site_, &s.site_begin_, &s.carried_,
                           &s.last_login_, &s.first_login_, &s.session_begin_, &s.session_last_}) {
    write_time(writer, *when);
  }
  writer.u32(s.session_flows_);
  writer.u32(static_cast<std::uint32_t>(s.last_day_));
  writer.u64(s.days_);
  writer.u32(static_cast<std::uint32_t>(s.last_api_day_));
  writer.u8(s.api_days_);
  std::uint32_t bits = 0;
  std::uint32_t bit = 1;
  const Steps none;
  for (const bool* flag : flags_of(s, none)) {
    bits |= *flag ? bit : 0;
    bit <<= 1U;
  }
  writer.u32(bits);
  for (const std::chrono::seconds time : {s.read_, s.form_time_, s.way_}) {
    writer.u32(static_cast<std::uint32_t>(time.count()));
  }
  writer.u8(static_cast<std::uint8_t>(s.best_rule_));
  writer.u8(static_cast<std::uint8_t>(s.tenants_.size()));
  for (const std::string& tenant : s.tenants_) {
    write_text(writer, tenant);
  }
  writer.u8(static_cast<std::uint8_t>(s.evidence_.size()));
  for (const Evidence& line : s.evidence_) {
    write_time(writer, line.when);
    write_text(writer, line.what);
    write_text(writer, line.host);
    writer.u8(static_cast<std::uint8_t>(line.role));
  }
}

void StateCodec::read_steps(const Steps& steps, ToolState& s) {
  using std::chrono::seconds;
  s.read_ = steps.site_studied ? seconds{45} : steps.site_read ? seconds{20} : seconds{0};
  s.form_time_ = steps.form_filled ? seconds{30} : steps.long_login ? seconds{12} : seconds{0};
  s.way_ = steps.slow_arrival ? seconds{60} : seconds{0};
}

bool StateCodec::read_state(ByteReader& reader, bool former, ToolState& s) {
  s.first_ = read_time(reader).value_or(WallTime{});
  s.last_ = read_time(reader).value_or(WallTime{});
  for (std::uint32_t& count : s.by_role_) {
    count = reader.u32();
  }
  s.hellos_ = reader.u32();
  s.use_hellos_ = reader.u32();
  s.guest_hellos_ = reader.u32();
  for (auto* when : {&s.first_use_, &s.last_use_, &s.last_site_, &s.site_begin_, &s.carried_,
                     &s.last_login_, &s.first_login_, &s.session_begin_, &s.session_last_}) {
    *when = read_time(reader);
  }
  s.session_flows_ = reader.u32();
  s.last_day_ = static_cast<std::int32_t>(reader.u32());
  s.days_ = read_u64(reader);
  s.last_api_day_ = static_cast<std::int32_t>(reader.u32());
  s.api_days_ = reader.u8();
  const std::uint32_t bits = reader.u32();
  std::uint32_t bit = 1;
  Steps steps;
  for (bool* flag : flags_of(s, steps)) {
    *flag = (bits & bit) != 0;
    bit <<= 1U;
  }
  if (former) {
    read_steps(steps, s);
  } else {
    for (auto* time : {&s.read_, &s.form_time_, &s.way_}) {
      *time = std::chrono::seconds{reader.u32()};
    }
  }
  const std::uint8_t rule = reader.u8();
  if (rule < 1 || rule > 3) {
    return false;
  }
  s.best_rule_ = static_cast<RuleConfidence>(rule);
  const std::size_t tenants = reader.u8();
  if (tenants > ToolState::kMaxTenants) {
    return false;
  }
  s.tenants_.resize(tenants);
  for (std::string& tenant : s.tenants_) {
    if (!read_text(reader, tenant)) {
      return false;
    }
  }
  const std::size_t lines = reader.u8();
  if (lines > kMaxEvidence) {
    return false;
  }
  s.evidence_.resize(lines);
  for (Evidence& line : s.evidence_) {
    line.when = read_time(reader).value_or(WallTime{});
    if (!read_text(reader, line.what) || !read_text(reader, line.host)) {
      return false;
    }
    const std::uint8_t role = reader.u8();
    if (role >= ToolState::kRoles) {
      return false;
    }
    line.role = static_cast<Role>(role);
  }
  return reader.ok();
}

std::vector<std::uint8_t> StateCodec::encode(const States& states,
                                             std::optional<WallTime> learning_until) {
  ByteWriter writer;
  writer.text(kMagic);
  write_time(writer, learning_until);
  writer.u32(static_cast<std::uint32_t>(states.size()));
  for (const auto& [key, state] : states) {
    write_text(writer, key.first);
    write_text(writer, key.second);
    write_state(writer, state);
  }
  return writer.take();
}

Result<StateCodec::Decoded, StateFault> StateCodec::decode(Bytes bytes) {
  ByteReader reader{bytes};
  const Bytes magic = reader.take(kMagic.size());
  if (!reader.ok() || !std::equal(magic.begin(), magic.end() - 2, kMagic.begin())) {
    return Failure{StateFault::not_a_state};
  }
  const bool former = std::equal(magic.begin(), magic.end(), kFormerMagic.begin());
  if (!former && !std::equal(magic.begin(), magic.end(), kMagic.begin())) {
    return Failure{StateFault::newer_format};
  }
  Decoded decoded;
  decoded.learning_until = read_time(reader);
  const std::uint32_t count = reader.u32();
  if (!reader.ok() || count > kMaxStates) {
    return Failure{StateFault::damaged};
  }
  for (std::uint32_t i = 0; i < count; ++i) {
    std::string user;
    std::string tool;
    ToolState state;
    if (!read_text(reader, user) || !read_text(reader, tool) ||
        !read_state(reader, former, state)) {
      return Failure{StateFault::damaged};
    }
    decoded.states.insert_or_assign({std::move(user), std::move(tool)}, std::move(state));
  }
  if (!reader.empty()) {
    return Failure{StateFault::damaged};
  }
  return decoded;
}

}  // namespace gnomon
