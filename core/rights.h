// Rights: what a process gives up for good, and whose files it finds open to others.

#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// give_up_rights gives up all capabilities but those to keep (numbers of capabilities(7); only what
// is there can be kept), and every way to get one back: no program this process starts, and nothing
// that breaks into it, has them again. For the calling thread and those it starts later. Fine for a
// process that has none.
Result<Ok, IoError> give_up_rights(std::initializer_list<unsigned> keep = {});

// become_user turns a process of root into one of the named user, with that user's groups, for
// good. ENOENT: there is no such user.
Result<Ok, IoError> become_user(const std::string& name);

// give_folder makes an empty folder of root the named user's. A folder that holds something already
// stays whose it is: EPERM when that is not the user.
Result<Ok, IoError> give_folder(const std::string& path, const std::string& name);

// exposed_keys looks at files that hold keys and yields one sentence about the first that anybody
// but its owner may read or write; empty when there is none. Files that are not there are fine.
std::string exposed_keys(const std::vector<std::string>& paths);

}  // namespace gnomon
