#include "collector/backup.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "core/log.h"

namespace gnomon {
namespace {

// No file of the authority is larger: keys and certificates.
constexpr std::size_t kMaxAuthorityFile = std::size_t{1} << 20;

Failure<IoError> failure(const char* operation, const std::string& path, std::errc code) {
  return Failure{IoError{operation, path, std::make_error_code(code)}};
}

Result<Ok, IoError> copy_authority(FileSystem& files, const std::string& from,
                                   const std::string& to) {
  if (auto made = files.make_directory(to); !made) {
    return made;
  }
  const auto names = files.list(from);
  if (!names) {
    return Failure{names.error()};
  }
  for (const std::string& name : *names) {
    if (name.ends_with(".new")) {
      continue;  // half of a certificate that is being renewed right now
    }
    const auto contents =
        read_whole_file(files, std::string{from}.append("/").append(name), kMaxAuthorityFile);
    if (!contents) {
      return Failure{contents.error()};
    }
    auto copied = replace_file(files, std::string{to}.append("/").append(name), *contents);
    if (!copied) {
      return copied;
    }
  }
  return Ok{};
}

Result<Ok, IoError> fill(FileSystem& files, const Store& store, const std::string& data,
                         const std::string& folder) {
  if (auto made = files.make_directory(folder); !made) {
    return made;
  }
  if (auto copied = store.checkpoint(folder + "/store"); !copied) {
    return copied;
  }
  if (auto copied = copy_authority(files, data + "/ca", folder + "/ca"); !copied) {
    return copied;
  }
  return files.sync_directory(folder);
}

}  // namespace

Result<Ok, IoError> make_backup(FileSystem& files, const Store& store, const std::string& data,
                                const std::string& to) {
  if (to.empty() || to.front() != '/') {
    return failure("back up to", to, std::errc::invalid_argument);
  }
  const auto there = files.exists(to);
  if (!there) {
    return Failure{there.error()};
  }
  if (*there) {
    return failure("back up to", to, std::errc::file_exists);
  }
  const std::string part = to + ".part";
  std::error_code ignored;
  std::filesystem::remove_all(part, ignored);  // of a backup that was cut off
  auto done = fill(files, store, data, part);
  if (done) {
    done = files.rename(part, to);
  }
  if (done) {
    done = files.sync_directory(parent_directory(to));
  }
  if (!done) {
    std::filesystem::remove_all(part, ignored);
    log::warn("collector.backup_failed", {{"reason", done.error().text()}});
    return done;
  }
  log::info("collector.backup_made");
  return Ok{};
}

AdminHandler backup_commands(FileSystem& files, const Store& store, std::string data,
                             AdminHandler others) {
  return [&files, &store, data = std::move(data),
          others = std::move(others)](const wire::AdminRequest& request) -> wire::AdminReply {
    if (request.command != "backup") {
      return others(request);
    }
    wire::AdminReply reply;
    std::string to;
    for (const auto& [name, value] : request.arguments) {
      to = name == "to" ? value : to;
    }
    while (to.size() > 1 && to.back() == '/') {
      to.pop_back();
    }
    if (const auto made = make_backup(files, store, data, to); !made) {
      reply.error = "no backup was made: " + made.error().text();
      return reply;
    }
    reply.rows.push_back({{"backup", to}});
    return reply;
  };
}

}  // namespace gnomon
