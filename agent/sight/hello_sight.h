// HelloSight turns a ClientHello, from TLS or from QUIC, into sightings.

#pragma once

#include "agent/flow/flight.h"
#include "agent/parse/tls/client_hello.h"
#include "agent/sight/answer_memory.h"
#include "agent/sight/outcome.h"
#include "agent/sight/sighting_sink.h"

namespace gnomon {

// HelloSight copies what is kept of a hello and judges its ECH extension. `sink`, `answers` and
// `counters` must outlive it.
class HelloSight {
 public:
  HelloSight(SightingSink& sink, AnswerMemory& answers, Counters& counters);

  // report hands on one sighting, and a second one with `recovered` set when the hello hides its
  // name by real ECH and DNS gave that name away. A hello without a name is reported with an
  // empty host. Nothing is reported when its name has bytes that no name has (bad_name).
  Outcome report(const Flight& flight, const tls::ClientHelloView& hello, Source source);

 private:
  Ech judge(const tls::ClientHelloView& hello, const std::string& host);
  void count_encrypted_dns(const Flight& flight, const HelloDetail& detail);

  SightingSink& sink_;
  AnswerMemory& answers_;
  Counter& ech_grease_;
  Counter& ech_real_;
  Counter& ech_unknown_;
  Counter& recovered_;
  Counter& dns_over_tls_;
  Counter& dns_over_quic_;
};

// begin_sighting fills what every sighting of a flight has in common. The client is who sent the
// bytes: a flow joined in the middle may have its sides the wrong way round.
Sighting begin_sighting(const Flight& flight, Source source);

}  // namespace gnomon
