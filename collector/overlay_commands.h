// The overlay commands of the collector's admin socket.

#pragma once

#include <functional>

#include "collector/enrol/admin_server.h"
#include "collector/own_rules.h"

namespace gnomon {

// overlay_commands carries out, and passes everything else on to `others`:
//   overlay show  -> one row: file, version, state, text, own_tools, sanctioned
//   overlay load  -> the same, after the file was read again by `read`
//   overlay new-keys  -> the same, after the keys were replaced by `replace`
// `rules` may be null: the collector has no catalogue, so there is nothing to lay an overlay over.
AdminHandler overlay_commands(OwnRules* rules, std::function<Reading()> read,
                              std::function<Reading()> replace, AdminHandler others);

}  // namespace gnomon
