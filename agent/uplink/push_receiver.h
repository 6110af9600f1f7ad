// PushReceiver: a rule pack or policy in pieces, until it is whole and in its place.

#pragma once

#include <optional>
#include <string>

#include "agent/uplink/uplink.h"
#include "core/file.h"
#include "core/wire/messages.h"

namespace gnomon {

// PushReceiver holds at most one push at a time, of at most wire::kMaxPushBytes. One thread.
class PushReceiver {
 public:
  PushReceiver(FileSystem& files, const UplinkOptions& options, const UplinkHooks& hooks)
      : files_(files), options_(options), hooks_(hooks) {}

  // take adds a piece; yields the reply for the collector once the push is whole or wrong.
  std::optional<wire::PushReply> take(const wire::Push& push);

 private:
  std::string install(wire::PushKind kind) const;  // the reason it was not; empty: it was

  FileSystem& files_;
  const UplinkOptions& options_;
  const UplinkHooks& hooks_;
  wire::PushKind kind_ = wire::PushKind::unspecified;
  std::uint32_t version_ = 0;
  std::string bytes_;
};

}  // namespace gnomon
