// Any message: names are plain ASCII of bounded length, records lie inside the message, and the
// walk ends.

#include <cstdlib>
#include <string>

#include "agent/parse/dns/message.h"

namespace {

using gnomon::Bytes;

void expect(bool condition) {
  if (!condition) {
    __builtin_trap();
  }
}

void check_name(std::string_view name) {
  expect(name.size() <= gnomon::dns::kMaxNameText);
  for (const char c : name) {
    expect(c > 0x20 && c < 0x7f);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes input{data, size};
  if (const auto framed = gnomon::dns::parse_framed(input)) {
    expect(framed->consumed == framed->message.size() + 2 && framed->consumed <= size);
  }
  const auto view = gnomon::dns::parse_message(input);
  if (!view) {
    return 0;
  }
  gnomon::dns::QuestionReader questions{*view};
  gnomon::dns::QuestionView question;
  std::size_t asked = 0;
  while (questions.next(question)) {
    check_name(question.name.view());
    ++asked;
  }
  // Property: what parse_message accepted, the reader yields.
  expect(asked == view->questions);
  gnomon::dns::RecordReader records{*view};
  gnomon::dns::RecordView record;
  std::size_t walked = 0;
  while (records.next(record)) {
    check_name(record.name.view());
    expect(record.data_position <= size && record.data.size() <= size - record.data_position);
    std::string text;
    gnomon::dns::append_data(input, record, text);
    // Every byte of the data takes four characters at most, and a little for words.
    expect(text.size() <= 8 * record.data.size() + 2048);
    if (const auto service = gnomon::dns::parse_service(input, record)) {
      const Bytes name = gnomon::dns::ech_public_name(service->ech);
      expect(name.size() <= service->ech.size());
    }
    ++walked;
  }
  expect(walked <= std::size_t{view->answers} + view->authorities + view->additionals);
  return 0;
}
