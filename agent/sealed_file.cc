#include "agent/sealed_file.h"

#include <system_error>
#include <utility>

namespace gnomon {
namespace {

constexpr std::string_view kMagic = "GNSEAL01";

// What sealing adds at most: the magic, a nonce and a tag.
constexpr std::size_t kMostAdded = 64;

std::string context_of(std::string_view purpose) {
  return "gnomon sealed file, " + std::string{purpose};
}

}  // namespace

Result<Ok, IoError> replace_sealed_file(FileSystem& files, const std::string& path,
                                        std::string_view contents, const RecordCipher* cipher,
                                        std::string_view purpose) {
  if (cipher == nullptr) {
    return replace_file(files, path, contents);
  }
  return replace_file(files, path,
                      std::string{kMagic} + cipher->seal(contents, context_of(purpose)));
}

Result<std::string, IoError> read_sealed_file(FileSystem& files, const std::string& path,
                                              std::size_t most, const RecordCipher* cipher,
                                              std::string_view purpose) {
  auto stored = read_whole_file(files, path, most + kMostAdded);
  if (!stored) {
    return stored;
  }
  const bool sealed = stored->starts_with(kMagic);
  std::optional<std::string> plain;
  if (!sealed) {
    plain = std::move(*stored);
  } else if (cipher != nullptr) {
    const Bytes body = bytes_of(std::string_view{*stored}.substr(kMagic.size()));
    plain = cipher->open(body, context_of(purpose));
  }
  if (!plain) {
    return Failure{IoError{"open", path, std::make_error_code(std::errc::bad_message)}};
  }
  if (plain->size() > most) {
    return Failure{IoError{"read", path, std::make_error_code(std::errc::file_too_large)}};
  }
  return std::move(*plain);
}

}  // namespace gnomon
