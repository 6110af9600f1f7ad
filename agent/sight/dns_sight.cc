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

}  // namespace

DnsSight::DnsSight(SightingSink& sink, AnswerMemory& answers, Counters& counters)
    : sink_(sink),
      answers_(answers),
      broken_records_(counters.counter("sight_dns_broken_answers_total",
                                       "Responses whose records end before their count.")),
      dropped_records_(counters.counter("sight_dns_dropped_records_total",
                                        "Answer records beyond those kept of one response.")) {}

std::vector<DnsRecord> DnsSight::read_answers(const dns::MessageView& view) {
  std::vector<DnsRecord> answers;
  dns::RecordReader records{view};
  dns::RecordView record;
  while (records.next(record) && records.section() == dns::RecordReader::Section::answer) {
    if (answers.size() == kMaxAnswers) {
      dropped_records_.add_alone();
      continue;
    }
    DnsRecord& kept = answers.emplace_back();
    kept.name = record.name.view();
    kept.type = record.type;
    kept.ttl = record.ttl;
    dns::append_data(view.message, record, kept.data);
  }
  if (records.broken()) {
    broken_records_.add_alone();
  }
  return answers;
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
  if (view->response) {
    detail.answers = read_answers(*view);
  }

  bool named = false;
  dns::QuestionReader questions{*view};
  dns::QuestionView question;
  while (questions.next(question)) {
    if (question.name.empty()) {
      continue;  // the root: a question for name servers, not for a host
    }
    detail.qtype = question.type;
    hand_on(flight, *view, question.name.view(), detail);
    named = true;
  }
  if (view->questions == 0 && !detail.answers.empty() && !detail.answers.front().name.empty()) {
    // A response need not repeat its question; then the first record tells what it was about.
    detail.qtype = detail.answers.front().type;
    const std::string name = detail.answers.front().name;
    hand_on(flight, *view, name, std::move(detail));
    named = true;
  }
  return named ? Outcome::sighted : Outcome::nameless;
}

}  // namespace gnomon
