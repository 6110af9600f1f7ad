// RecordCipher: encryption of the spool at rest, for systems that offer a key bound to the machine.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/byte_reader.h"

namespace gnomon {

// RecordCipher seals payloads. `context` is what the payload belongs to (epoch and sequences): a
// sealed payload moved to another place does not open.
class RecordCipher {
 public:
  RecordCipher() = default;
  RecordCipher(const RecordCipher&) = delete;
  RecordCipher& operator=(const RecordCipher&) = delete;
  virtual ~RecordCipher() = default;

  virtual std::string seal(std::string_view plain, std::string_view context) const = 0;

  // open yields nullopt when the key is another one or anything was changed.
  virtual std::optional<std::string> open(Bytes sealed, std::string_view context) const = 0;
};

}  // namespace gnomon
