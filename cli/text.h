// Values as text, appended without a detour: for output that has a line per sighting.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace gnomon::cli {

// append_time writes "2026-11-22T04:19:00.123456Z"; years beyond four digits are written as they
// are.
void append_time(WallTime when, std::string& out);

// append_json writes a JSON string with its quotes. Bytes above ASCII are written as the code
// points of the same number, so that the line is valid whatever the name held.
void append_json(std::string_view text, std::string& out);

// append_csv writes a cell of RFC 4180, quoted where it must be. A leading =, +, - or @ gets an
// apostrophe before it: spreadsheets would take a name from the network for a formula.
void append_csv(std::string_view text, std::string& out);

// append_padded writes `text` and fills up with spaces to `width`, at least one.
void append_padded(std::string_view text, std::size_t width, std::string& out);

void append_number(std::uint64_t number, std::string& out);

// append_record_type writes the mnemonic of a DNS record type ("A", "HTTPS"), or "TYPE1234"
// (RFC 3597, section 5).
void append_record_type(std::uint16_t type, std::string& out);

}  // namespace gnomon::cli
