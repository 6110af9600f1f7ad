// What a collector answers to `gnomon admin`, for people or for programs.

#pragma once

#include <string>

#include "core/wire/messages.h"

namespace gnomon::cli {

// append_answer writes the answer to `command` as a table, or with `json` as an object a line. What
// is one thing is shown as a line a field, what is several as a line each with the names above; a
// list that is empty is "none", and a command that only does something answers nothing.
void append_answer(const wire::AdminReply& reply, const std::string& command, bool json,
                   std::string& out);

}  // namespace gnomon::cli
