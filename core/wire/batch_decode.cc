// Reading a batch straight into the plain structs. A collector reads thousands of contacts a
// millisecond; through the generated types each of them is built twice and checked in between.

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/domain_name.h"
#include "core/wire/batch.h"
#include "core/wire/batch_proto.h"
#include "core/wire/fields.h"
#include "core/wire/text.h"
#include "gnomon/v1/contact.pb.h"

namespace gnomon::wire {
namespace {

using google::protobuf::io::CodedInputStream;

// Tags as they are written: the number of the field (proto/gnomon/v1/contact.proto) and how it
// travels (protobuf encoding: 0 a number, 2 a length and so many bytes).
constexpr std::uint32_t number_field(std::uint32_t number) {
  return number << 3U;
}
constexpr std::uint32_t run_field(std::uint32_t number) {
  return number << 3U | 2U;
}

template <typename Enum>
Enum known_or_zero(std::uint32_t number, Enum last) {
  return number <= static_cast<std::uint32_t>(last) ? static_cast<Enum>(number) : Enum{};
}

bool is_tool_id(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

// skip_field passes over the field that `tag` announced. Groups, which protobuf has given up, are
// malformed.
bool skip_field(CodedInputStream& in, std::uint32_t tag) {
  std::uint64_t number = 0;
  std::uint32_t size = 0;
  switch (tag & 7U) {
    case 0:
      return in.ReadVarint64(&number);
    case 1:
      return in.Skip(8);
    case 2:
      return in.ReadVarint32(&size) && in.Skip(static_cast<int>(size));
    case 5:
      return in.Skip(4);
    default:
      return false;
  }
}

// BatchReader reads one batch. Every function is false when the bytes cannot be read or break a
// limit; fault_ says why, and nothing that was read so far counts.
class BatchReader {
 public:
  explicit BatchReader(Bytes encoded)
      : encoded_(encoded), in_(encoded.data(), static_cast<int>(encoded.size())) {}

  Result<Batch, WireError> read() {
    // The outermost limit makes BytesUntilLimit() true of every message within.
    in_.PushLimit(static_cast<int>(encoded_.size()));
    Batch batch;
    if (!make_room(batch) ||
        !each_field([&](std::uint32_t tag) { return batch_field(tag, batch); })) {
      return Failure{fault_};
    }
    return batch;
  }

 private:
  bool fail(WireError fault) {
    fault_ = fault;
    return false;
  }

  template <typename Field>
  bool each_field(const Field& field) {
    for (;;) {
      const std::uint32_t tag = in_.ReadTag();
      if (tag == 0) {
        return in_.ConsumedEntireMessage();
      }
      if (!field(tag)) {
        return false;
      }
    }
  }

  template <typename Field>
  bool message(const Field& field) {
    std::uint32_t size = 0;
    if (!run_size(size)) {
      return false;
    }
    const auto outer = in_.PushLimit(static_cast<int>(size));
    if (!each_field(field)) {
      return false;
    }
    in_.PopLimit(outer);
    return true;
  }

  bool run_size(std::uint32_t& size) {
    return in_.ReadVarint32(&size) && size <= static_cast<std::uint32_t>(in_.BytesUntilLimit());
  }

  bool skip(std::uint32_t tag) { return skip_field(in_, tag); }

  bool number(std::uint64_t& out) { return in_.ReadVarint64(&out); }
  bool number(std::uint32_t& out) { return in_.ReadVarint32(&out); }
  bool time(WallTime& out) {
    std::uint64_t ns = 0;
    const bool read = in_.ReadVarint64(&ns);
    out = from_ns(static_cast<std::int64_t>(ns));
    return read;
  }
  template <typename Enum>
  bool word(Enum& out, Enum last) {
    std::uint32_t value = 0;
    const bool read = in_.ReadVarint32(&value);
    out = known_or_zero(value, last);
    return read;
  }
  // text reads one that is fit to be shown; `fault` is what a longer one is.
  bool text(std::string& out, std::size_t limit, WireError fault = WireError::over_limit) {
    std::uint32_t size = 0;
    if (!run_size(size)) {
      return false;
    }
    if (size > limit) {
      return fail(fault);
    }
    return in_.ReadString(&out, static_cast<int>(size)) && is_printable(out);
  }

  // make_room counts what the batch holds before anything is allocated for it.
  bool make_room(Batch& batch) {
    CodedInputStream in{encoded_.data(), static_cast<int>(encoded_.size())};
    std::array<std::size_t, 3> counts{};
    constexpr std::array<std::uint32_t, 3> kTags{run_field(1), run_field(2), run_field(7)};
    while (const std::uint32_t tag = in.ReadTag()) {
      const auto* known = std::find(kTags.begin(), kTags.end(), tag);
      if (known != kTags.end()) {
        ++counts.at(static_cast<std::size_t>(known - kTags.begin()));
      }
      if (!skip_field(in, tag)) {
        return false;
      }
    }
    if (counts[0] > kMaxBatchContacts || counts[1] > kMaxBatchGaps ||
        counts[2] > kMaxBatchUnknowns) {
      return fail(WireError::over_limit);
    }
    batch.contacts.reserve(counts[0]);
    batch.gaps.reserve(counts[1]);
    batch.unknowns.reserve(counts[2]);
    return true;
  }

  bool batch_field(std::uint32_t tag, Batch& batch) {
    switch (tag) {
      case run_field(1):
        return contact(batch.contacts.emplace_back());
      case run_field(2):
        return gap(batch.gaps.emplace_back());
      case run_field(3):
        return health(batch.health.emplace());
      case number_field(4):
        return time(batch.sealed);
      case number_field(5): {
        std::uint64_t value = 0;
        const bool read = number(value);
        batch.sealed_monotonic_ns = static_cast<std::int64_t>(value);
        return read;
      }
      case number_field(6):
        return number(batch.part);
      case run_field(7):
        return unknown(batch.unknowns.emplace_back());
      default:
        return skip(tag);
    }
  }

  bool contact(Contact& out) {
    if (!message([&](std::uint32_t tag) { return contact_field(tag, out); })) {
      return false;
    }
    return is_tool_id(out.tool) && out.window_begin <= out.window_end && out.first <= out.last;
  }

  bool contact_field(std::uint32_t tag, Contact& out) {
    switch (tag) {
      case run_field(1):
        return text(out.tool, kMaxToolBytes, WireError::malformed);
      case run_field(2):
        return text(out.tenant, kMaxTenantBytes);
      case number_field(3):
        return word(out.role, Role::idp);
      case number_field(4):
        return word(out.audience, Audience::visitor);
      case number_field(5):
        return word(out.stage, Stage::dormant);
      case number_field(6):
        return confidence(out.confidence);
      case number_field(7):
        return time(out.window_begin);
      case number_field(8):
        return time(out.window_end);
      case number_field(9):
        return time(out.first);
      case number_field(10):
        return time(out.last);
      case number_field(11):
        return number(out.dns);
      case number_field(12):
        return number(out.tls);
      case number_field(13):
        return number(out.quic);
      case number_field(14):
        return number(out.http);
      case number_field(15):
        return number(out.bytes_up);
      case number_field(16):
        return number(out.bytes_down);
      case run_field(17):
        return text(out.user, kMaxUserBytes);
      case run_field(18):
        return text(out.program, kMaxProgramBytes);
      case number_field(19):
        return number(out.pack_version);
      case run_field(20):
        return evidence(out.evidence);
      default:
        return skip(tag);
    }
  }

  bool confidence(std::uint16_t& out) {
    std::uint32_t value = 0;
    if (!number(value) || value > 1000) {
      return false;
    }
    out = static_cast<std::uint16_t>(value);
    return true;
  }

  bool evidence(std::vector<Evidence>& lines) {
    if (lines.size() == kMaxEvidence) {
      return fail(WireError::over_limit);
    }
    Evidence& out = lines.emplace_back();
    return message([&](std::uint32_t tag) {
      switch (tag) {
        case number_field(1):
          return time(out.when);
        case run_field(2):
          return text(out.what, kMaxWhatBytes);
        case run_field(3):
          return text(out.host, kMaxNameBytes);
        case number_field(4):
          return word(out.role, Role::idp);
        default:
          return skip(tag);
      }
    });
  }

  bool gap(Gap& out) {
    const bool read = message([&](std::uint32_t tag) {
      switch (tag) {
        case number_field(1):
          return time(out.from);
        case number_field(2):
          return time(out.to);
        case run_field(3):
          return text(out.reason, kMaxReasonBytes);
        case number_field(4):
          return number(out.contacts);
        case number_field(5):
          return number(out.from_sequence);
        case number_field(6):
          return number(out.to_sequence);
        default:
          return skip(tag);
      }
    });
    return read && !out.reason.empty() && out.from <= out.to &&
           out.from_sequence <= out.to_sequence;
  }

  bool unknown(TokenReport& out) {
    // Days beyond this would overflow the nanoseconds of a WallTime (the year 2262).
    constexpr std::uint32_t kLastDay = 106'000;
    bool named = false;
    const bool read = message([&](std::uint32_t tag) {
      switch (tag) {
        case run_field(1): {
          std::uint32_t size = 0;
          named = run_size(size) && size == out.token.size() &&
                  in_.ReadRaw(out.token.data(), static_cast<int>(size));
          return named;
        }
        case number_field(2):
          return number(out.epoch);
        case number_field(3):
          return number(out.first_day);
        case number_field(4):
          return number(out.last_day);
        default:
          return skip(tag);
      }
    });
    return read && named && out.first_day <= out.last_day && out.last_day <= kLastDay;
  }

  // health comes once in a batch at most: its generated type serves.
  bool health(Health& out) {
    std::string encoded;
    std::uint32_t size = 0;
    v1::Health in;
    if (!run_size(size) || !in_.ReadString(&encoded, static_cast<int>(size)) ||
        !in.ParseFromString(encoded)) {
      return false;
    }
    if (const auto fault = check(in)) {
      return fail(*fault);
    }
    out = from_proto(in);
    return true;
  }

  Bytes encoded_;
  CodedInputStream in_;
  WireError fault_ = WireError::malformed;
};

}  // namespace

Result<Batch, WireError> decode_batch(Bytes encoded) {
  if (encoded.size() > kMaxBatchBytes) {
    return Failure{WireError::over_limit};
  }
  return BatchReader{encoded}.read();
}

}  // namespace gnomon::wire
