#include "cli/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <utility>

namespace gnomon::cli {

namespace {

// The record types that are met, by number (IANA, "Domain Name System (DNS) Parameters").
constexpr std::array kRecordTypes = std::to_array<std::pair<std::uint16_t, std::string_view>>({
    {1, "A"},      {2, "NS"},       {5, "CNAME"},       {6, "SOA"},     {10, "NULL"},
    {12, "PTR"},   {13, "HINFO"},   {15, "MX"},         {16, "TXT"},    {17, "RP"},
    {18, "AFSDB"}, {25, "KEY"},     {28, "AAAA"},       {29, "LOC"},    {33, "SRV"},
    {35, "NAPTR"}, {36, "KX"},      {37, "CERT"},       {39, "DNAME"},  {41, "OPT"},
    {43, "DS"},    {44, "SSHFP"},   {46, "RRSIG"},      {47, "NSEC"},   {48, "DNSKEY"},
    {49, "DHCID"}, {50, "NSEC3"},   {51, "NSEC3PARAM"}, {52, "TLSA"},   {53, "SMIMEA"},
    {59, "CDS"},   {60, "CDNSKEY"}, {61, "OPENPGPKEY"}, {62, "CSYNC"},  {63, "ZONEMD"},
    {64, "SVCB"},  {65, "HTTPS"},   {99, "SPF"},        {108, "EUI48"}, {109, "EUI64"},
    {249, "TKEY"}, {250, "TSIG"},   {251, "IXFR"},      {252, "AXFR"},  {255, "ANY"},
    {256, "URI"},  {257, "CAA"},
});

void append_digits(unsigned value, unsigned digits, std::string& out) {
  std::array<char, 10> text{};
  for (unsigned i = digits; i > 0; --i) {
    text[i - 1] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  out.append(text.data(), digits);
}

}  // namespace

void append_number(std::uint64_t number, std::string& out) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

void append_time(WallTime when, std::string& out) {
  using std::chrono::days;
  using std::chrono::floor;
  using std::chrono::microseconds;
  const auto micros = floor<microseconds>(when);
  const auto day = floor<days>(micros);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{micros - day};
  const int year = static_cast<int>(date.year());
  append_digits(static_cast<unsigned>(std::max(year, 0)), 4, out);
  out.push_back('-');
  append_digits(static_cast<unsigned>(date.month()), 2, out);
  out.push_back('-');
  append_digits(static_cast<unsigned>(date.day()), 2, out);
  out.push_back('T');
  append_digits(static_cast<unsigned>(time.hours().count()), 2, out);
  out.push_back(':');
  append_digits(static_cast<unsigned>(time.minutes().count()), 2, out);
  out.push_back(':');
  append_digits(static_cast<unsigned>(time.seconds().count()), 2, out);
  out.push_back('.');
  append_digits(static_cast<unsigned>(time.subseconds().count()), 6, out);
  out.push_back('Z');
}

void append_json(std::string_view text, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto needs_escape = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\';
  };
  out.push_back('"');
  while (!text.empty()) {
    // Nearly all texts are names, which go out in one piece.
    const auto* const special = std::find_if(text.begin(), text.end(), needs_escape);
    const auto plain = static_cast<std::size_t>(special - text.begin());
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) {
      break;
    }
    const char c = text.front();
    text.remove_prefix(1);
    out.push_back('\\');
    if (c == '"' || c == '\\') {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.append("u00");
      out.push_back(kHex[byte >> 4]);
      out.push_back(kHex[byte & 0x0f]);
    }
  }
  out.push_back('"');
}

void append_csv(std::string_view text, std::string& out) {
  const bool formula =
      !text.empty() && std::string_view{"=+-@"}.find(text.front()) != std::string_view::npos;
  if (!formula && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out.append(text);
    return;
  }
  out.push_back('"');
  if (formula) {
    out.push_back('\'');
  }
  for (const char c : text) {
    if (c == '"') {
      out.push_back('"');
    }
    out.push_back(c);
  }
  out.push_back('"');
}

void append_padded(std::string_view text, std::size_t width, std::string& out) {
  out.append(text);
  out.append(text.size() < width ? width - text.size() : 1, ' ');
}

void append_record_type(std::uint16_t type, std::string& out) {
  const auto known = std::lower_bound(
      kRecordTypes.begin(), kRecordTypes.end(), type,
      [](const auto& entry, std::uint16_t number) { return entry.first < number; });
  if (known != kRecordTypes.end() && known->first == type) {
    out.append(known->second);
    return;
  }
  out.append("TYPE");
  append_number(type, out);
}

}  // namespace gnomon::cli
