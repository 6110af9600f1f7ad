#include "cli/text.h"

#include "tests/support/catch.h"

namespace gnomon::cli {
namespace {

template <typename Append, typename... Values>
std::string text_of(Append append, Values... values) {
  std::string out;
  append(values..., out);
  return out;
}

std::string time_text(std::int64_t nanoseconds) {
  return text_of(append_time, WallTime{std::chrono::nanoseconds{nanoseconds}});
}

TEST_CASE("Text: times have microseconds and a Z, before and after the epoch", "[cli]") {
  CHECK(time_text(0) == "1970-01-01T00:00:00.000000Z");
  CHECK(time_text(1'795'321'140'123'456'789) == "2026-11-22T04:19:00.123456Z");
  CHECK(time_text(951'782'399'999'999'999) == "2000-02-28T23:59:59.999999Z");
  CHECK(time_text(-1) == "1969-12-31T23:59:59.999999Z");
}

TEST_CASE("Text: JSON strings are valid whatever the bytes", "[cli]") {
  CHECK(text_of(append_json, std::string_view{"a.example"}) == "\"a.example\"");
  CHECK(text_of(append_json, std::string_view{"a\\046\"b"}) == "\"a\\\\046\\\"b\"");
  CHECK(text_of(append_json, std::string_view{"\x01\x7f\xff\0", 4}) ==
        "\"\\u0001\\u007f\\u00ff\\u0000\"");
}

TEST_CASE("Text: CSV cells are quoted where they must, and never a formula", "[cli]") {
  CHECK(text_of(append_csv, std::string_view{"a.example"}) == "a.example");
  CHECK(text_of(append_csv, std::string_view{"a,b"}) == "\"a,b\"");
  CHECK(text_of(append_csv, std::string_view{"a\"b"}) == "\"a\"\"b\"");
  CHECK(text_of(append_csv, std::string_view{"=1+1"}) == "\"'=1+1\"");
  CHECK(text_of(append_csv, std::string_view{""}).empty());
}

TEST_CASE("Text: record types have their names, unknown ones a number", "[cli]") {
  CHECK(text_of(append_record_type, std::uint16_t{1}) == "A");
  CHECK(text_of(append_record_type, std::uint16_t{65}) == "HTTPS");
  CHECK(text_of(append_record_type, std::uint16_t{257}) == "CAA");
  CHECK(text_of(append_record_type, std::uint16_t{0}) == "TYPE0");
  CHECK(text_of(append_record_type, std::uint16_t{65535}) == "TYPE65535");
}

TEST_CASE("Text: padding always leaves one space", "[cli]") {
  CHECK(text_of(append_padded, std::string_view{"ab"}, std::size_t{4}) == "ab  ");
  CHECK(text_of(append_padded, std::string_view{"abcdef"}, std::size_t{4}) == "abcdef ");
}

}  // namespace
}  // namespace gnomon::cli
