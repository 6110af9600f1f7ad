// PacketSource: where packets come from, a capture file or live interfaces.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "agent/capture/packet.h"
#include "core/result.h"

namespace gnomon {

// CaptureError says why a source has nothing (more) to give, ready to be shown to a person.
struct CaptureError {
  enum class Kind : std::uint8_t {
    unreadable,     // cannot be opened or read: no such file, no permission, a disk fault
    empty,          // a file of no bytes
    not_a_capture,  // a file of some other format, or a link to the kernel that is none
    damaged,        // cut short or broken behind `packet` good ones, which were all yielded
    refused,        // live: no right to capture, or no such interface
  };

  Kind kind = Kind::unreadable;
  std::string text;          // one sentence with the file or interface in it
  std::uint64_t packet = 0;  // damaged: how many packets came before the damage
};

// Pull is what asking for a packet gave.
enum class Pull : std::uint8_t {
  packet,  // `packet` is filled
  idle,    // live only: nothing came within the given patience, or a stop was asked for
  end,     // a file's end: everything was read
};

// PacketSource yields packets one by one.
//
// The bytes of a packet are borrowed: they are good until next() is called again. A file source
// never waits and ignores `patience`; a live one waits at most that long. After `end` or an error
// every further call gives the same. For one thread, but for stop() where a source has one.
class PacketSource {
 public:
  PacketSource() = default;
  PacketSource(const PacketSource&) = delete;
  PacketSource& operator=(const PacketSource&) = delete;
  virtual ~PacketSource() = default;

  virtual Result<Pull, CaptureError> next(Packet& packet, std::chrono::milliseconds patience) = 0;
};

}  // namespace gnomon
