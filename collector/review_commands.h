// The review commands of the collector's admin socket.

#pragma once

#include "collector/enrol/admin_server.h"
#include "collector/query/query.h"
#include "collector/review/review.h"

namespace gnomon {

// review_commands carries out, until there are accounts and a board to do it on:
//   review decide  tool, standing, [by], [reason], [alternative], [until: days from now]
//   review back    tool, [by], [reason]
//   review list    -> rows: tool, name, standing, since, reason
// Review and query must outlive it.
AdminHandler review_commands(Review& review, const Query& query);

}  // namespace gnomon
