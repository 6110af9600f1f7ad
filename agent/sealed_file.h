// Sealed files: small files of the agent that nobody can read without the key of the spool.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "agent/spool/record_cipher.h"
#include "core/file.h"
#include "core/io_error.h"
#include "core/result.h"

namespace gnomon {

// replace_sealed_file stores `contents` durably, sealed with `cipher`, or as they are where there
// is none. `purpose` names the file: what is sealed for one opens as no other.
Result<Ok, IoError> replace_sealed_file(FileSystem& files, const std::string& path,
                                        std::string_view contents, const RecordCipher* cipher,
                                        std::string_view purpose);

// read_sealed_file yields what replace_sealed_file stored, and what an agent of before stored
// unsealed. Contents above `most` bytes fail with EFBIG. What does not open, for the key is another
// one or not here or a byte was changed, fails with EBADMSG.
Result<std::string, IoError> read_sealed_file(FileSystem& files, const std::string& path,
                                              std::size_t most, const RecordCipher* cipher,
                                              std::string_view purpose);

}  // namespace gnomon
