#include "agent/uplink/sender.h"

#include <string_view>

#include "core/log.h"
#include "core/net/crypto.h"

namespace gnomon {
namespace {

constexpr std::size_t kMaxNote = 256;

}  // namespace

void settle_sender(FileSystem& files, const std::string& path, const Identity& identity,
                   Spool& spool) {
  const std::string root = to_hex(identity.root.key_sha256());
  const std::string note = identity.agent + ' ' + root + '\n';
  const auto there = files.exists(path);
  const auto before = there && *there ? read_whole_file(files, path, kMaxNote)
                                      : Result<std::string, IoError>{std::string{}};
  if (!there || !before) {
    log::warn("uplink.sender_not_read", {{"path", path}});
    return;
  }
  if (*before == note) {
    return;
  }
  const std::string_view former = *before;
  const std::size_t space = former.find(' ');
  const bool same_collector =
      space != std::string_view::npos &&
      former.substr(space + 1) == std::string_view{note}.substr(identity.agent.size() + 1);
  if (same_collector) {
    if (const auto begun = spool.begin_anew(); !begun) {
      log::warn("uplink.spool_not_begun_anew", {{"why", begun.error().text()}});
      return;
    }
    log::info("uplink.enrolled_again", {{"waiting", spool.waiting()}});
  }
  if (const auto noted = replace_file(files, path, note); !noted) {
    log::warn("uplink.sender_not_noted", {{"why", noted.error().text()}});
  }
}

}  // namespace gnomon
