// PushReceiver: a rule pack, overlay or policy in pieces, until it is whole and in its place.

#pragma once

#include <optional>
#include <string>

#include "agent/uplink/uplink.h"
#include "core/file.h"
#include "core/wire/messages.h"

namespace gnomon {

// PushReceiver holds at most one push at a time, of at most wire::kMaxPushBytes. What it holds
// outlives a connection: the next one goes on behind it. One thread.
class PushReceiver {
 public:
  PushReceiver(FileSystem& files, const UplinkOptions& options, const UplinkHooks& hooks)
      : files_(files), options_(options), hooks_(hooks) {}

  // take adds a piece; yields the reply for the collector once the push is whole or wrong.
  std::optional<wire::PushReply> take(const wire::Push& push);

  // part is what there is of an unfinished push, for the hello.
  std::optional<wire::PushPart> part() const;

 private:
  // These yield the reason why not; empty when it went well.
  std::string unpack(const wire::Push& push);
  std::string install(wire::PushKind kind) const;

  FileSystem& files_;
  const UplinkOptions& options_;
  const UplinkHooks& hooks_;
  wire::PushKind kind_ = wire::PushKind::unspecified;
  std::uint32_t version_ = 0;
  std::string sha256_;
  std::string bytes_;  // as they travel, until unpack()
};

}  // namespace gnomon
