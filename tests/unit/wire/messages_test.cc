#include "core/wire/messages.h"

#include <string>
#include <vector>

#include "core/file.h"
#include "core/wire/frame.h"
#include "gnomon/v1/wire.pb.h"
#include "tests/support/batch_builder.h"
#include "tests/support/catch.h"

namespace gnomon::wire {
namespace {

using gnomon::testing::test_time;

template <typename T>
T round_trip(T message) {
  const auto back = decode(bytes_of(encode(Envelope{std::move(message)})));
  REQUIRE(back);
  REQUIRE(std::holds_alternative<T>(*back));
  return std::get<T>(*back);
}

std::vector<Envelope> one_of_each() {
  Hello hello;
  hello.agent_version = "0.1.0";
  hello.epoch = 77;
  hello.first_sequence = 3;
  hello.last_sequence = 9;
  hello.takes_zstd = true;
  hello.part = PushPart{PushKind::rule_pack, 5, 4, std::string(kHashBytes, 'h')};
  HelloAck ack;
  ack.version = 1;
  ack.resume_from = 4;
  Heartbeat heartbeat;
  heartbeat.health = Health{};
  Push push{PushKind::rule_pack, 5, 10, 0, "0123456789", std::string(kHashBytes, 'h'), 40};
  EnrolRequest request{"ab12",
                       std::string(kTokenSecretBytes, 's'),
                       "csr",
                       {"Debian", "x86_64", "0.1.0", std::string(kHashBytes, 'm')}};
  AdminReply reply;
  reply.rows = {{{"id", "1"}, {"state", "active"}}, {}};
  return {hello,
          ack,
          Upload{77, 9, 4, "payload"},
          Ack{77, 9, Outcome::stored, 0},
          heartbeat,
          push,
          PushReply{PushKind::policy, 2, false, "no"},
          RenewRequest{"csr"},
          RenewReply{{"leaf", "issuer"}},
          Error{ErrorCode::revoked, "revoked", 5},
          request,
          PushReply{PushKind::overlay, 3, true, ""},
          EnrolReply{"uuid", {"leaf"}, "root", 7443, "gnomon-root 1\n"},
          AdminRequest{"token create", {{"uses", "3"}}},
          reply,
          UnknownsPolicy{true, 8107},
          RevealRequest{8107, {UnknownToken{1}, UnknownToken{2}}},
          RevealReply{8107, {{UnknownToken{1}, "newtool.example"}, {UnknownToken{2}, ""}}}};
}

TEST_CASE("Messages: every kind comes back as it was sent", "[core][wire]") {
  for (const Envelope& envelope : one_of_each()) {
    CAPTURE(envelope.index());
    const std::string bytes = encode(envelope);
    const auto back = decode(bytes_of(bytes));
    REQUIRE(back);
    CHECK(back->index() == envelope.index());
    CHECK(encode(*back) == bytes);
  }
  const auto upload = round_trip(Upload{77, 9, 4, "payload"});
  CHECK(upload.first_sequence == 4);
  CHECK(round_trip(Upload{77, 9, 9, "p"}).first_sequence == 9);
}

TEST_CASE("Messages: a kind and a field of a later version are ignored", "[core][wire]") {
  const std::string later("\xa2\x06\x02hi", 5);  // field 100, two bytes
  const auto unknown = decode(bytes_of(later));
  REQUIRE(unknown);
  CHECK(std::holds_alternative<Unknown>(*unknown));
  const auto known = decode(bytes_of(encode(Ack{1, 2, Outcome::stored, 0}) + later));
  REQUIRE(known);
  CHECK(std::holds_alternative<Ack>(*known));

  v1::Envelope error;
  error.mutable_error()->set_code(static_cast<v1::ErrorCode>(4000));
  const auto back = decode(bytes_of(error.SerializeAsString()));
  REQUIRE(back);
  CHECK(std::get<Error>(*back).code == ErrorCode::unspecified);
}

TEST_CASE("Messages: versions are negotiated to the greatest both know", "[core][wire]") {
  CHECK(choose_version({1}) == 1U);
  CHECK(choose_version({9, 1, 4}) == 1U);
  CHECK_FALSE(choose_version({2, 3}));
  CHECK_FALSE(choose_version({}));
}

TEST_CASE("Messages: ranges are held", "[core][wire]") {
  const auto error_of = [](auto fill) {
    v1::Envelope envelope;
    fill(envelope);
    const auto back = decode(bytes_of(envelope.SerializeAsString()));
    REQUIRE_FALSE(back);
    return back.error();
  };
  const auto hello = [](auto change) {
    return [change](v1::Envelope& e) {
      e.mutable_hello()->add_versions(1);
      e.mutable_hello()->set_epoch(1);
      e.mutable_hello()->set_first_sequence(1);
      change(*e.mutable_hello());
    };
  };
  CHECK(error_of(hello([](v1::Hello& h) { h.set_epoch(0); })) == WireError::malformed);
  CHECK(error_of(hello([](v1::Hello& h) { h.set_epoch(UINT64_MAX); })) == WireError::malformed);
  CHECK(error_of(hello([](v1::Hello& h) { h.set_first_sequence(2); })) == WireError::malformed);
  CHECK(error_of(hello([](v1::Hello& h) { h.clear_versions(); })) == WireError::malformed);
  CHECK(error_of(hello([](v1::Hello& h) { h.set_last_sequence(UINT64_MAX); })) ==
        WireError::malformed);
  CHECK(error_of(hello([](v1::Hello& h) {
          for (int i = 0; i < 8; ++i) {
            h.add_versions(2);
          }
        })) == WireError::over_limit);
  CHECK(error_of(hello([](v1::Hello& h) {
          h.mutable_part()->set_sha256("too short");
          h.mutable_part()->set_received(1);
        })) == WireError::malformed);
  CHECK(error_of(hello([](v1::Hello& h) {
          h.mutable_part()->set_sha256(std::string(kHashBytes, 'h'));
          h.mutable_part()->set_received(kMaxPushBytes + 1);
        })) == WireError::over_limit);
  CHECK(error_of([](v1::Envelope& e) {
          e.mutable_upload()->set_epoch(1);
          e.mutable_upload()->set_sequence(1);
          e.mutable_upload()->set_payload(std::string(kMaxCompressedBatchBytes + 1, 'x'));
        }) == WireError::over_limit);
  CHECK(error_of([](v1::Envelope& e) {
          e.mutable_upload()->set_epoch(1);
          e.mutable_upload()->set_sequence(4);
          e.mutable_upload()->set_first_sequence(5);
          e.mutable_upload()->set_payload("x");
        }) == WireError::malformed);
  CHECK(error_of([](v1::Envelope& e) {
          v1::Push& push = *e.mutable_push();
          push.set_total_bytes(10);
          push.set_offset(8);
          push.set_piece("xyz");
          push.set_sha256(std::string(kHashBytes, 'h'));
        }) == WireError::malformed);
  CHECK(error_of([](v1::Envelope& e) {
          v1::Push& push = *e.mutable_push();
          push.set_total_bytes(10);
          push.set_piece("xyz");
          push.set_sha256(std::string(kHashBytes, 'h'));
          push.set_plain_bytes(kMaxPushBytes + 1);
        }) == WireError::over_limit);
  CHECK(error_of([](v1::Envelope& e) { e.mutable_error()->set_text("two\nlines"); }) ==
        WireError::malformed);
  CHECK(error_of([](v1::Envelope& e) { e.mutable_reveal_request()->set_epoch(1); }) ==
        WireError::malformed);
  CHECK(error_of([](v1::Envelope& e) { e.mutable_reveal_request()->add_tokens("short"); }) ==
        WireError::malformed);
  CHECK(error_of([](v1::Envelope& e) {
          for (std::size_t i = 0; i <= kMaxReveals; ++i) {
            e.mutable_reveal_request()->add_tokens(std::string(16, 't'));
          }
        }) == WireError::over_limit);
  for (const char* domain : {"New.example", "new.example.", "192.0.2.1", "a b.example"}) {
    CHECK(error_of([&](v1::Envelope& e) {
            v1::RevealAnswer& answer = *e.mutable_reveal_reply()->add_answers();
            answer.set_token(std::string(16, 't'));
            answer.set_domain(domain);
          }) == WireError::malformed);
  }
}

TEST_CASE("Messages: every prefix and every changed byte is survived", "[core][wire]") {
  for (const Envelope& envelope : one_of_each()) {
    const std::string good = encode(envelope);
    for (std::size_t i = 0; i < good.size(); ++i) {
      static_cast<void>(decode(bytes_of(good).first(i)).has_value());
      for (const char value : {'\x00', '\xff'}) {
        std::string bytes = good;
        bytes[i] = value;
        static_cast<void>(decode(bytes_of(bytes)).has_value());
      }
    }
  }
}

}  // namespace
}  // namespace gnomon::wire
