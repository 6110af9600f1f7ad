// DnsSight turns DNS messages into sightings.

#pragma once

#include "agent/flow/flight.h"
#include "agent/parse/dns/message.h"
#include "agent/sight/answer_memory.h"
#include "agent/sight/outcome.h"
#include "agent/sight/sighting_sink.h"

namespace gnomon {

// DnsSight reports one sighting per question, for queries and for responses, with the records of
// the message in text form. A question for the root has an empty host. `sink` and `answers` must
// outlive it.
class DnsSight {
 public:
  // kMaxRecords bounds the records kept of one message. Long CNAME chains with all addresses stay
  // under 40; a zone transfer names nothing that anybody visits.
  static constexpr std::size_t kMaxRecords = 128;

  DnsSight(SightingSink& sink, AnswerMemory& answers, Counters& counters);

  // report judges one message. not_protocol and malformed as dns::parse_message says.
  Outcome report(const Flight& flight, Bytes message);

 private:
  std::vector<DnsRecord> read_records(const dns::MessageView& view);
  void hand_on(const Flight& flight, const dns::MessageView& view, std::string_view name,
               DnsDetail detail);

  SightingSink& sink_;
  AnswerMemory& answers_;
  Counter& broken_records_;
  Counter& dropped_records_;
};

}  // namespace gnomon
