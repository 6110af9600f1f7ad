#include "agent/sight/http_sight.h"

#include <algorithm>
#include <utility>

#include "agent/parse/http/request.h"
#include "agent/sight/hello_sight.h"
#include "agent/sight/host_text.h"

namespace gnomon {

namespace {

using Phase = HttpConversation::Phase;

// stronger keeps the outcome that says more when one flight holds several requests.
Outcome stronger(Outcome so_far, Outcome next) {
  if (so_far == Outcome::sighted || next == Outcome::continued || next == Outcome::waiting) {
    return so_far;
  }
  return next;
}

void end_headers(HttpConversation& conversation) {
  if (conversation.connect) {
    conversation.phase = Phase::request_line;  // the tunnel, or another try after a refusal
  } else if (conversation.chunked) {
    conversation.phase = Phase::chunk_size;
  } else {
    conversation.phase = conversation.skip > 0 ? Phase::body : Phase::request_line;
  }
}

}  // namespace

Outcome HttpSight::report(const Flight& flight, HttpConversation& conversation,
                          std::string_view host) {
  if (host.empty()) {
    return Outcome::continued;
  }
  auto text = host_text(host);
  if (!text) {
    return Outcome::bad_name;
  }
  conversation.named = true;
  auto& reported = conversation.reported;
  if (std::find(reported.begin(), reported.end(), *text) != reported.end()) {
    return Outcome::continued;
  }
  if (reported.size() == kMaxReported) {
    reported.erase(reported.begin());
  }
  reported.push_back(*text);
  Sighting sighting = begin_sighting(flight, Source::http);
  sighting.host = *std::move(text);
  sink_.on_sighting(std::move(sighting));
  return Outcome::sighted;
}

HttpSight::Line HttpSight::take_request_line(const Flight& flight, HttpConversation& conversation,
                                             std::string_view line) {
  if (line.empty()) {
    return {};  // RFC 9112, section 2.2: an empty line before a request is skipped
  }
  const auto request = http::parse_request_line(line);
  if (!request) {
    return {Outcome::not_protocol, true};
  }
  ++conversation.requests;
  conversation.phase = Phase::headers;
  conversation.named = false;
  conversation.connect = request->connect;
  conversation.chunked = false;
  conversation.skip = 0;
  // An absolute target, as proxies get it, outranks the Host header (RFC 9112, section 3.2.2).
  return {report(flight, conversation, http::target_host(*request)), false};
}

HttpSight::Line HttpSight::take_header(const Flight& flight, HttpConversation& conversation,
                                       std::string_view line) {
  if (line.empty()) {
    const bool nameless = !conversation.named;
    end_headers(conversation);
    return {nameless ? Outcome::nameless : Outcome::continued, false};
  }
  const auto header = http::parse_header(line);
  if (!header) {
    return {};  // a folded or broken line: servers pass over it too
  }
  if (http::equals_ignoring_case(header->name, "host")) {
    if (!conversation.named) {
      return {report(flight, conversation, http::authority_host(header->value)), false};
    }
  } else if (http::equals_ignoring_case(header->name, "content-length")) {
    const auto length = http::parse_length(header->value);
    if (!length) {
      return {Outcome::malformed, true};  // where the next request begins cannot be known
    }
    conversation.skip = *length;
  } else if (http::equals_ignoring_case(header->name, "transfer-encoding")) {
    conversation.chunked = http::equals_ignoring_case(header->value, "chunked");
  }
  return {};
}

HttpSight::Line HttpSight::take_line(const Flight& flight, HttpConversation& conversation,
                                     std::string_view line) {
  switch (conversation.phase) {
    case Phase::request_line:
      return take_request_line(flight, conversation, line);
    case Phase::headers:
      return take_header(flight, conversation, line);
    case Phase::chunk_size: {
      const auto size = http::parse_chunk_size(line);
      if (!size || *size > UINT64_MAX - 2) {
        return {Outcome::malformed, true};
      }
      conversation.skip = *size + 2;  // the line end behind the data
      conversation.phase = *size == 0 ? Phase::trailer : Phase::chunk_data;
      return {};
    }
    case Phase::trailer:
      if (line.empty()) {
        conversation.phase = Phase::request_line;
      }
      return {};
    case Phase::body:
    case Phase::chunk_data:
      break;
  }
  return {};
}

HttpStep HttpSight::follow(const Flight& flight, HttpConversation& conversation) {
  HttpStep step;
  step.outcome = conversation.requests > 0 ? Outcome::continued : Outcome::waiting;
  while (step.consumed < flight.bytes.size()) {
    const Bytes rest = flight.bytes.subspan(step.consumed);
    if (conversation.phase == Phase::body || conversation.phase == Phase::chunk_data) {
      const std::size_t skipped = std::min<std::uint64_t>(conversation.skip, rest.size());
      step.consumed += skipped;
      conversation.skip -= skipped;
      if (conversation.skip == 0) {
        conversation.phase =
            conversation.phase == Phase::body ? Phase::request_line : Phase::chunk_size;
      }
      continue;
    }
    const bool at_start = conversation.phase == Phase::request_line;
    const bool empty_line = rest[0] == '\r' || rest[0] == '\n';
    if (at_start && !empty_line && !http::looks_like_request(rest)) {
      step.left = true;
      return step;
    }
    const auto line = http::next_line(rest);
    if (!line) {
      if (line.error() == ParseError::over_limit) {
        step.outcome = stronger(step.outcome, Outcome::over_limit);
        step.left = true;
      }
      return step;
    }
    const Line taken = take_line(flight, conversation, line->text);
    step.outcome = stronger(step.outcome, taken.outcome);
    if (taken.stop) {
      step.left = true;
      return step;
    }
    step.consumed += line->consumed;
    if (step.outcome == Outcome::waiting && conversation.requests > 0) {
      step.outcome = Outcome::continued;
    }
  }
  return step;
}

}  // namespace gnomon
