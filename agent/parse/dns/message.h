// DNS messages (RFC 1035, section 4), over UDP and framed for TCP, as views over the bytes.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "agent/parse/dns/name.h"
#include "agent/parse/parse_error.h"
#include "core/byte_reader.h"
#include "core/result.h"

namespace gnomon::dns {

// Record types we give meaning to (IANA, "Domain Name System (DNS) Parameters").
namespace type {
constexpr std::uint16_t kA = 1;
constexpr std::uint16_t kNs = 2;
constexpr std::uint16_t kCname = 5;
constexpr std::uint16_t kSoa = 6;
constexpr std::uint16_t kPtr = 12;
constexpr std::uint16_t kMx = 15;
constexpr std::uint16_t kTxt = 16;
constexpr std::uint16_t kAaaa = 28;
constexpr std::uint16_t kSrv = 33;
constexpr std::uint16_t kDname = 39;
constexpr std::uint16_t kOpt = 41;
constexpr std::uint16_t kSvcb = 64;
constexpr std::uint16_t kHttps = 65;
constexpr std::uint16_t kAny = 255;
}  // namespace type

constexpr std::size_t kHeaderBytes = 12;

// kMaxQuestions bounds the questions of one message. Everybody asks one; the standard allows more,
// and some old stub resolvers put two together.
constexpr std::size_t kMaxQuestions = 8;

struct QuestionView {
  NameText name;
  std::uint16_t type = 0;
  std::uint16_t rr_class = 0;
};

struct RecordView {
  NameText name;
  std::uint16_t type = 0;
  std::uint16_t rr_class = 0;
  std::uint32_t ttl = 0;          // seconds
  std::size_t data_position = 0;  // of the data within the message
  Bytes data;
};

// MessageView is a message whose header and questions are whole; the records behind them are read
// one by one with RecordReader and may still turn out to be broken.
struct MessageView {
  std::uint16_t id = 0;
  bool response = false;
  std::uint8_t opcode = 0;
  bool cut = false;        // the TC bit: the server says that this is not all
  std::uint8_t rcode = 0;  // without the extension bits of EDNS
  std::uint16_t questions = 0;
  std::uint16_t answers = 0;      // as the header counts them
  std::uint16_t authorities = 0;  // (no promise that they are there)
  std::uint16_t additionals = 0;
  Bytes message;               // the whole of it
  std::size_t records_at = 0;  // position of the first record behind the questions
};

// parse_message reads header and questions. `not_protocol` when the header is not that of a
// message: a reserved opcode, counts that no sender writes, or nothing in any section of a
// query. `truncated` when the questions run over the end.
Result<MessageView, ParseError> parse_message(Bytes message);

// QuestionReader walks over the questions of a parsed message, which are known to be good.
class QuestionReader {
 public:
  explicit QuestionReader(const MessageView& view);

  // next reads one question; false after the last.
  bool next(QuestionView& question);

 private:
  Bytes message_;
  ByteReader reader_;
  std::uint16_t left_;
};

// RecordReader walks over answers, then authorities, then additional records.
class RecordReader {
 public:
  enum class Section : std::uint8_t { answer, authority, additional };

  explicit RecordReader(const MessageView& view);

  // next reads one record; false after the last, and at the first broken one (see broken()). A
  // record whose data runs over the end of the message is yielded without them: its name and type
  // are there, and captures are often cut.
  bool next(RecordView& record);

  // section is where the record that next() gave came from.
  Section section() const { return section_; }

  // broken tells that the walk ended before the header's counts were met.
  bool broken() const { return broken_; }

 private:
  Bytes message_;
  ByteReader reader_;
  std::uint32_t answers_left_;
  std::uint32_t authorities_left_;
  std::uint32_t additionals_left_;
  Section section_ = Section::answer;
  bool broken_ = false;
};

// FramedView is one message out of a TCP stream.
struct FramedView {
  Bytes message;
  std::size_t consumed = 0;  // bytes of the stream, length prefix included
};

// parse_framed cuts one message off the front of a TCP stream (RFC 1035, section 4.2.2: a length
// of two bytes). `malformed` when the length cannot hold a header.
Result<FramedView, ParseError> parse_framed(Bytes stream);

// append_data writes the record's data as text: the address, the name it points to (with the
// numbers before it for MX and SRV), the first name for SOA, "1 . alpn=h2,h3 ipv4hint=192.0.2.1
// ech" for SVCB and HTTPS. TXT and everything else stays empty: it is no name. Nothing is
// written when the data is broken.
void append_data(Bytes message, const RecordView& record, std::string& out);

// ServiceView is what an SVCB or HTTPS record says (RFC 9460).
struct ServiceView {
  std::uint16_t priority = 0;  // 0: alias mode
  NameText target;             // "" for the owner itself
  Bytes alpn;                  // list of length-prefixed protocol names
  std::uint16_t port = 0;      // 0 when not given
  Bytes ipv4_hints;            // 4 bytes each
  Bytes ipv6_hints;            // 16 bytes each
  Bytes ech;                   // ECHConfigList
};

// parse_service reads the data of an SVCB or HTTPS record. Unknown parameters are skipped.
Result<ServiceView, ParseError> parse_service(Bytes message, const RecordView& record);

// ech_public_name gives the public name of the first usable ECHConfig in an ECHConfigList
// (RFC 9849, section 4); empty when there is none. The run lies within `list`.
Bytes ech_public_name(Bytes list);

}  // namespace gnomon::dns
