// What the `gnomon rules` commands share.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/catalog/default_pack.h"
#include "core/catalog/rule_pack.h"
#include "core/catalog/signing.h"
#include "core/rulebook/rulebook.h"

namespace gnomon::cli {

// complain writes one sentence to standard error and yields kImpossible.
int complain(const std::string& text);

// read_text reads a whole file; nullopt (and a complaint) when that fails.
std::optional<std::string> read_text(const std::string& path);
// write_bytes replaces a file, whole or not at all; false (and a complaint) when that fails.
// `secret` makes it readable by its owner alone.
bool write_bytes(const std::string& path, Bytes bytes, bool secret = false);
std::optional<SecretKey> read_key(const std::string& path);

// load_options reads today from the clock; `suffixes` may be empty.
LoadOptions load_options(const std::string& suffixes);
// source_time is SOURCE_DATE_EPOCH when set (reproducible builds), else the clock.
WallTime source_time();
// parse_time reads "2026-11-22" or "2026-11-22T08:00:00Z".
std::optional<WallTime> parse_time(const std::string& text);
std::string format_time(WallTime time);

// print_findings writes them to standard output with a line of totals.
void print_findings(const std::vector<Finding>& findings, bool totals = true);

// json_quote gives a JSON string. Bytes that are no UTF-8 become U+FFFD.
std::string json_quote(std::string_view text);

// normal_host gives what people paste as a host: lower-case, without scheme, path, port, trailing
// dot; empty when no name is left (an IP address, too).
std::string normal_host(std::string_view text);

// pack_or_rules opens what a question is to be asked of: a compiled pack, or a rules folder
// compiled in memory (when `folder` is set). Complains and yields null when that fails.
std::shared_ptr<const RulePack> pack_or_rules(const PackPlace& place, const std::string& folder);

}  // namespace gnomon::cli
