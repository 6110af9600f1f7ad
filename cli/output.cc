#include "cli/output.h"

#include <unistd.h>

#include <cerrno>

namespace gnomon::cli {

void Output::flush() {
  std::string_view rest = buffer_;
  while (ok_ && !rest.empty()) {
    const ssize_t written = ::write(descriptor_, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno != EINTR) {
      ok_ = false;
    }
  }
  buffer_.clear();
}

}  // namespace gnomon::cli
