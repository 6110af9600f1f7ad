#include "agent/sight/dns_sight.h"

#include <utility>

#include "agent/sight/hello_sight.h"

namespace gnomon {

namespace {

Outcome outcome_of(ParseError error) {
  switch (error) {
    case ParseError::not_protocol:
      return Outcome::not_protocol;
    case ParseError::over_limit:
      return Outcome::over_limit;
    case ParseError::truncated:
    case ParseError::malformed:
      break;
  }
  return Outcome::malformed;
}

DnsSection section_of(dns::RecordReader::Section section) {
  switch (section) {
    case dns::RecordReader::Section::authority:
      return DnsSection::authority;
    case dns::RecordReader::Section::additional:
      return DnsSection::additional;
    case dns::RecordReader::Section::answer:
      break;
  }
  return DnsSection::answer;
}

}  // namespace

DnsSight::DnsSight(SightingSink& sink, AnswerMemory& answers, Counters& counters)
    : sink_(sink),
      answers_(answers),
      broken_records_(counters.counter("sight_dns_broken_answers_total",
                                       "Messages whose records end before their count.")),
      dropped_records_(counters.counter("sight_dns_dropped_records_total",
                                        "Records beyond those kept of one message.")) {}

std::vector<DnsRecord> DnsSight::read_records(const dns::MessageView& view) {
  std::vector<DnsRecord> kept;
  dns::RecordReader records{view};
  dns::RecordView record;
  while (records.next(record)) {
    if (record.type == dns::type::kOpt) {
      continue;  // EDNS: says how to talk, names nothing
    }
    if (kept.size() == kMaxRecords) {
      dropped_records_.add_alone();
      continue;
    }
    DnsRecord& copy = kept.emplace_back();
    copy.name = record.name.view();
    copy.type = record.type;
    copy.ttl = record.ttl;
    copy.section = section_of(records.section());
    dns::append_data(view.message, record, copy.data);
  }
  if (records.broken()) {
    broken_records_.add_alone();
  }
  return kept;
}

void DnsSight::hand_on(const Flight& flight, const dns::MessageView& view, std::string_view name,
                       DnsDetail detail) {
  Sighting sighting = begin_sighting(flight, Source::dns);
  if (view.response) {
    // A response travels from the server; the client is who it goes to.
    std::swap(sighting.client, sighting.server);
  }
  sighting.host = name;
  if (view.response) {
    answers_.remember(sighting.client.address, name, view, flight.when);
  }
  sighting.dns = std::move(detail);
  sink_.on_sighting(std::move(sighting));
}

Outcome DnsSight::report(const Flight& flight, Bytes message) {
  const auto view = dns::parse_message(message);
  if (!view) {
    return outcome_of(view.error());
  }
  DnsDetail detail;
  detail.answer = view->response;
  detail.rcode = view->rcode;
  detail.over_tcp = flight.transport == Transport::tcp;
  detail.answers = read_records(*view);

  bool named = false;
  dns::QuestionReader questions{*view};
  dns::QuestionView question;
  while (questions.next(question)) {
    detail.qtype = question.type;
    hand_on(flight, *view, question.name.view(), detail);
    named = named || !question.name.empty();
  }
  if (view->questions == 0 && !detail.answers.empty()) {
    // A response need not repeat its question; then the first record tells what it was about.
    detail.qtype = detail.answers.front().type;
    const std::string name = detail.answers.front().name;
    hand_on(flight, *view, name, std::move(detail));
    named = !name.empty();
  }
  return named ? Outcome::sighted : Outcome::nameless;
}

}  // namespace gnomon
