// HttpSight follows the requests of one side of a TCP flow, line by line.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/flow/flight.h"
#include "agent/sight/outcome.h"
#include "agent/sight/sighting_sink.h"
#include "core/byte_reader.h"

namespace gnomon {

// HttpConversation is where one side of a flow stands between two flights. Small: the bytes stay
// in the flow room until their line is whole.
struct HttpConversation {
  enum class Phase : std::uint8_t {
    request_line,  // at the start of a request, or of what an upgrade or tunnel brings
    headers,
    body,        // of known length: `skip` bytes left
    chunk_size,  // before a chunk
    chunk_data,  // `skip` bytes left, line end included
    trailer,
  };

  Phase phase = Phase::request_line;
  bool named = false;    // the host of the current request is known
  bool connect = false;  // the current request asks for a tunnel
  bool chunked = false;
  std::uint32_t requests = 0;
  std::uint64_t skip = 0;
  std::vector<std::string> reported;  // hosts of this flow, at most kMaxReported
};

// HttpStep is what following a flight gave.
struct HttpStep {
  Outcome outcome = Outcome::waiting;
  std::size_t consumed = 0;
  // True when the next bytes are at the start of a request but are none: a tunnel or an upgraded
  // connection begins at `consumed`, or the stream ends to be HTTP.
  bool left = false;
};

// HttpSight reports each host of a flow once. `sink` must outlive it.
class HttpSight {
 public:
  // kMaxReported bounds the hosts remembered per flow: a proxy's client may ask for many. Beyond
  // it the oldest is forgotten and may be reported again.
  static constexpr std::size_t kMaxReported = 16;

  explicit HttpSight(SightingSink& sink) : sink_(sink) {}

  // follow goes on with `conversation` through the flight's bytes.
  HttpStep follow(const Flight& flight, HttpConversation& conversation);

 private:
  // Line is what one line led to; `stop` ends the walk.
  struct Line {
    Outcome outcome = Outcome::continued;
    bool stop = false;
  };

  Line take_request_line(const Flight& flight, HttpConversation& conversation,
                         std::string_view line);
  Line take_header(const Flight& flight, HttpConversation& conversation, std::string_view line);
  Line take_line(const Flight& flight, HttpConversation& conversation, std::string_view line);
  Outcome report(const Flight& flight, HttpConversation& conversation, std::string_view host);

  SightingSink& sink_;
};

}  // namespace gnomon
