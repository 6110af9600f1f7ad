#include "agent/parse/dns/message.h"

namespace gnomon::dns {

namespace {

// kMaxRecords bounds what the header may claim per section: 64 KiB hold no more than 5957 records
// of the 11 bytes that the smallest one takes.
constexpr std::uint16_t kMaxRecords = 6000;

// Opcodes that are assigned: QUERY, IQUERY, STATUS, NOTIFY, UPDATE, DSO (IANA).
constexpr bool is_known_opcode(std::uint8_t opcode) {
  return opcode <= 6 && opcode != 3;
}

// read_fixed reads the ten bytes behind a record's name, and its data, which may be cut off.
bool read_fixed(Bytes message, ByteReader& reader, RecordView& record) {
  record.type = reader.u16();
  record.rr_class = reader.u16();
  record.ttl = reader.u32();
  const std::uint16_t length = reader.u16();
  if (!reader.ok()) {
    return false;
  }
  record.data_position = message.size() - reader.remaining();
  record.data = reader.take(length);
  return true;
}

}  // namespace

Result<MessageView, ParseError> parse_message(Bytes message) {
  ByteReader reader{message};
  MessageView view;
  view.message = message;
  view.id = reader.u16();
  const std::uint8_t high = reader.u8();
  const std::uint8_t low = reader.u8();
  view.response = (high & 0x80) != 0;
  view.opcode = (high >> 3) & 0x0f;
  view.cut = (high & 0x02) != 0;
  view.rcode = low & 0x0f;
  view.questions = reader.u16();
  view.answers = reader.u16();
  view.authorities = reader.u16();
  view.additionals = reader.u16();
  if (!reader.ok()) {
    return Failure{ParseError::truncated};
  }
  if (!is_known_opcode(view.opcode) || view.questions > kMaxQuestions ||
      view.answers > kMaxRecords || view.authorities > kMaxRecords ||
      view.additionals > kMaxRecords) {
    return Failure{ParseError::not_protocol};
  }
  if (!view.response && view.questions == 0 && view.answers == 0 && view.authorities == 0) {
    return Failure{ParseError::not_protocol};
  }
  NameText name;
  for (std::uint16_t i = 0; i < view.questions; ++i) {
    if (const auto read = read_name(message, reader, name); !read) {
      return Failure{read.error()};
    }
    reader.skip(4);  // type, class
    if (!reader.ok()) {
      return Failure{ParseError::truncated};
    }
  }
  view.records_at = message.size() - reader.remaining();
  return view;
}

QuestionReader::QuestionReader(const MessageView& view)
    : message_(view.message), reader_(view.message.subspan(kHeaderBytes)), left_(view.questions) {}

bool QuestionReader::next(QuestionView& question) {
  if (left_ == 0) {
    return false;
  }
  --left_;
  if (!read_name(message_, reader_, question.name)) {
    left_ = 0;
    return false;
  }
  question.type = reader_.u16();
  question.rr_class = reader_.u16();
  return reader_.ok();
}

RecordReader::RecordReader(const MessageView& view)
    : message_(view.message),
      reader_(view.message.subspan(view.records_at)),
      answers_left_(view.answers),
      authorities_left_(view.authorities),
      additionals_left_(view.additionals) {}

bool RecordReader::next(RecordView& record) {
  if (broken_) {
    return false;
  }
  if (answers_left_ > 0) {
    --answers_left_;
    section_ = Section::answer;
  } else if (authorities_left_ > 0) {
    --authorities_left_;
    section_ = Section::authority;
  } else if (additionals_left_ > 0) {
    --additionals_left_;
    section_ = Section::additional;
  } else {
    return false;
  }
  if (!read_name(message_, reader_, record.name) || !read_fixed(message_, reader_, record)) {
    broken_ = true;
    return false;
  }
  broken_ = !reader_.ok();
  return true;
}

Result<FramedView, ParseError> parse_framed(Bytes stream) {
  ByteReader reader{stream};
  const std::uint16_t length = reader.u16();
  if (!reader.ok()) {
    return Failure{ParseError::truncated};
  }
  if (length < kHeaderBytes) {
    return Failure{ParseError::malformed};
  }
  const Bytes message = reader.take(length);
  if (!reader.ok()) {
    return Failure{ParseError::truncated};
  }
  return FramedView{message, std::size_t{2} + length};
}

}  // namespace gnomon::dns
