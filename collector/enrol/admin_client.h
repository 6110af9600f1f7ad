// Administration over the collector's own socket: what `gnomon admin` calls.

#pragma once

#include <string>

#include "core/io_error.h"
#include "core/result.h"
#include "core/wire/messages.h"

namespace gnomon {

// kAdminSocket is its name inside the collector's data folder.
constexpr const char* kAdminSocket = "admin.sock";

// admin_call sends one command to a running collector and yields its reply. Blocks, for at most
// about half a minute. ENOENT or ECONNREFUSED: no collector runs on that data folder.
Result<wire::AdminReply, IoError> admin_call(const std::string& socket_path,
                                             const wire::AdminRequest& request);

}  // namespace gnomon
