#include "agent/uplink/push_receiver.h"

#include <utility>

#include "core/log.h"
#include "core/net/crypto.h"
#include "core/sha256.h"

namespace gnomon {

std::optional<wire::PushReply> PushReceiver::take(const wire::Push& push) {
  const auto reply = [&](std::string reason) {
    bytes_.clear();
    bytes_.shrink_to_fit();
    const bool applied = reason.empty();
    return wire::PushReply{push.kind, push.version, applied, std::move(reason)};
  };
  if (push.kind == wire::PushKind::unspecified) {
    return std::nullopt;  // of a later version of the collector
  }
  if (push.offset == 0) {
    kind_ = push.kind;
    version_ = push.version;
    sha256_ = push.sha256;
    bytes_.clear();
  }
  if (push.kind != kind_ || push.version != version_ || push.sha256 != sha256_ ||
      push.offset != bytes_.size()) {
    return reply("the pieces did not come in order");
  }
  bytes_ += push.piece;
  if (bytes_.size() < push.total_bytes) {
    return std::nullopt;
  }
  std::string reason = unpack(push);
  if (reason.empty()) {
    reason = install(push.kind);
  }
  if (reason.empty()) {
    log::info("uplink.push_applied", {{"kind", to_string(push.kind)}, {"version", push.version}});
  } else {
    log::warn("uplink.push_refused",
              {{"kind", to_string(push.kind)}, {"version", push.version}, {"reason", reason}});
  }
  return reply(std::move(reason));
}

std::optional<wire::PushPart> PushReceiver::part() const {
  if (bytes_.empty()) {
    return std::nullopt;
  }
  return wire::PushPart{kind_, version_, bytes_.size(), sha256_};
}

std::string PushReceiver::unpack(const wire::Push& push) {
  if (bytes_.size() > push.total_bytes || sha256_text(bytes_) != push.sha256) {
    return "the pieces do not make the whole";
  }
  if (push.plain_bytes == 0) {
    return {};
  }
  auto plain = wire::decompress(bytes_of(bytes_), wire::kMaxPushBytes);
  if (!plain || plain->size() != push.plain_bytes) {
    return "it cannot be unpacked";
  }
  bytes_ = *std::move(plain);
  return {};
}

std::string PushReceiver::install(wire::PushKind kind) const {
  const std::string& path = kind == wire::PushKind::policy    ? options_.policy_path
                            : kind == wire::PushKind::overlay ? options_.overlay_path
                                                              : options_.pack_path;
  if (path.empty() || !hooks_.verify) {
    return "this agent takes none from its collector";
  }
  if (const auto good = hooks_.verify(kind, bytes_); !good) {
    return good.error();
  }
  const auto before = read_whole_file(files_, path, wire::kMaxPushBytes);
  if (const auto stored = replace_file(files_, path, bytes_); !stored) {
    return "it could not be stored: " + stored.error().code.message();
  }
  if (!hooks_.apply) {
    return {};
  }
  const auto applied = hooks_.apply(kind, path);
  if (applied) {
    return {};
  }
  // Back to what worked.
  if (before) {
    static_cast<void>(replace_file(files_, path, *before).has_value());
  } else {
    static_cast<void>(files_.remove(path).has_value());
  }
  return applied.error();
}

}  // namespace gnomon
