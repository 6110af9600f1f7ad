#include "cli/unknowns_key.h"

#include <string_view>
#include <utility>

#include "core/file.h"
#include "core/net/crypto.h"
#include "core/net/join_token.h"

namespace gnomon::cli {

Result<std::string, std::string> unknowns_key(const std::string& path) {
  PosixFileSystem files;
  const auto there = files.exists(path);
  if (there && !*there) {
    const std::string made = random_bytes(kUnknownsKeyBytes);
    const auto stored = replace_file(files, path, to_hex(made) + "\n");
    if (!stored) {
      return Failure{"the key cannot be stored: " + stored.error().text()};
    }
    return made;
  }
  const auto text = read_whole_file(files, path, 256);
  if (!text) {
    return Failure{"the key cannot be read: " + text.error().text()};
  }
  auto key = from_hex(std::string_view{*text}.substr(0, text->find_first_of(" \r\n")));
  if (!key || key->size() != kUnknownsKeyBytes) {
    return Failure{path + " holds no key: 64 hexadecimal digits were expected"};
  }
  return *std::move(key);
}

}  // namespace gnomon::cli
