#include "tests/support/power_cut.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <deque>
#include <fstream>
#include <optional>
#include <sstream>
#include <system_error>

#include "core/check.h"

namespace gnomon::testing {
namespace {

Failure<IoError> failure(const char* operation, const std::string& path) {
  return Failure{IoError{operation, path, std::error_code(errno, std::generic_category())}};
}

std::optional<std::uint64_t> size_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(status.st_size);
}

bool is_there(const std::string& path) {
  return size_of(path).has_value();
}

// NameChange is one that its folder was not synced after.
struct NameChange {
  std::string from;  // empty: `to` was made
  std::string to;
  std::string saved;                    // link to what `to` was before; empty when it was nothing
  std::optional<std::uint64_t> before;  // synced size of that
};

// Watched is what the notes say, read from the front to the end.
struct Watched {
  std::map<std::string, std::uint64_t> synced;
  std::deque<NameChange> unsynced_names;

  void take(const std::string& line) {
    std::istringstream words{line};
    std::string what;
    std::string path;
    std::getline(words, what, '\t');
    std::getline(words, path, '\t');
    std::string rest;
    std::getline(words, rest, '\t');
    if (what == "create") {
      unsynced_names.push_back({"", path, "", std::nullopt});
      synced[path] = 0;
    } else if (what == "open") {
      synced.emplace(path, std::stoull(rest));
    } else if (what == "sync") {
      synced[path] = std::stoull(rest);
    } else if (what == "truncate") {
      synced[path] = std::min<std::uint64_t>(synced[path], std::stoull(rest));
    } else if (what == "remove") {
      synced.erase(path);
      std::erase_if(unsynced_names, [&](const NameChange& change) { return change.to == path; });
    } else if (what == "rename") {
      std::string saved;
      std::getline(words, saved, '\t');
      take_rename(path, rest, std::move(saved));
    } else if (what == "directory") {
      std::erase_if(unsynced_names,
                    [&](const NameChange& change) { return parent_directory(change.to) == path; });
    }
  }

  void take_rename(const std::string& from, const std::string& to, std::string saved) {
    NameChange change{from, to, std::move(saved), std::nullopt};
    if (const auto found = synced.find(to); found != synced.end()) {
      change.before = found->second;
    }
    if (const auto found = synced.find(from); found != synced.end()) {
      const std::uint64_t size = found->second;
      synced.erase(found);
      synced[to] = size;
    }
    unsynced_names.push_back(std::move(change));
  }

  // undo takes back the newest change of a name, which may not even have happened yet.
  void undo() {
    const NameChange change = std::move(unsynced_names.back());
    unsynced_names.pop_back();
    if (change.from.empty()) {
      ::unlink(change.to.c_str());
      synced.erase(change.to);
      return;
    }
    if (!is_there(change.from) && is_there(change.to)) {
      std::rename(change.to.c_str(), change.from.c_str());
    }
    if (const auto found = synced.find(change.to); found != synced.end()) {
      const std::uint64_t size = found->second;
      synced.erase(found);
      synced[change.from] = size;
    }
    if (!change.saved.empty() && is_there(change.saved)) {
      std::rename(change.saved.c_str(), change.to.c_str());
    }
    if (change.before) {
      synced[change.to] = *change.before;
    }
  }
};

// forget_bytes cuts one file to its synced size and a drawn part of what came after.
Result<Ok, IoError> forget_bytes(const std::string& path, std::uint64_t synced,
                                 std::mt19937_64& random, CutReport& report) {
  const auto size = size_of(path);
  if (!size || *size <= synced) {
    return Ok{};
  }
  const std::uint64_t unsynced = *size - synced;
  const std::uint64_t lucky = random() % 2 == 0 ? 0 : random() % (unsynced + 1);
  if (::truncate(path.c_str(), static_cast<off_t>(synced + lucky)) != 0) {
    return failure("truncate", path);
  }
  ++report.files_cut;
  report.bytes_forgotten += unsynced - lucky;
  if (lucky > 0 && random() % 2 == 0) {
    std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
    file.seekp(static_cast<std::streamoff>(synced + lucky - 1));
    file.put(static_cast<char>(random() & 0xff));
    ++report.files_torn;
  }
  return Ok{};
}

class ForgetfulFile final : public File {
 public:
  ForgetfulFile(std::unique_ptr<File> file, std::string path, PowerCutNotes& notes)
      : file_(std::move(file)), path_(std::move(path)), notes_(notes) {}

  Result<Ok, IoError> append(Bytes bytes) override { return file_->append(bytes); }
  Result<std::size_t, IoError> read_at(std::uint64_t offset,
                                       std::span<std::uint8_t> into) const override {
    return file_->read_at(offset, into);
  }
  Result<Ok, IoError> sync() override {
    const auto size = file_->size();
    if (!size) {
      return Failure{size.error()};
    }
    notes_.after_sync(path_, *size);
    return Ok{};
  }
  Result<Ok, IoError> truncate(std::uint64_t size) override {
    notes_.before_truncate(path_, size);
    return file_->truncate(size);
  }
  Result<std::uint64_t, IoError> size() const override { return file_->size(); }

 private:
  std::unique_ptr<File> file_;
  std::string path_;
  PowerCutNotes& notes_;
};

}  // namespace

PowerCutNotes::PowerCutNotes(std::string notes, std::string links)
    : links_(std::move(links)),
      descriptor_(::open(notes.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)),
      saved_(static_cast<std::uint64_t>(::getpid()) << 32) {
  GNOMON_CHECK(descriptor_ >= 0);
  GNOMON_CHECK(PosixFileSystem{}.make_directory(links_).has_value());
}

PowerCutNotes::~PowerCutNotes() {
  ::close(descriptor_);
}

// One write, so that a kill leaves whole lines.
void PowerCutNotes::note(const std::string& line) {
  GNOMON_CHECK(::write(descriptor_, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
}

void PowerCutNotes::before_create(const std::string& path) {
  const std::lock_guard lock{mutex_};
  note("create\t" + path + "\n");
}

void PowerCutNotes::opened(const std::string& path, std::uint64_t size) {
  const std::lock_guard lock{mutex_};
  note("open\t" + path + "\t" + std::to_string(size) + "\n");
}

void PowerCutNotes::after_sync(const std::string& path, std::uint64_t size) {
  const std::lock_guard lock{mutex_};
  note("sync\t" + path + "\t" + std::to_string(size) + "\n");
}

void PowerCutNotes::before_truncate(const std::string& path, std::uint64_t size) {
  const std::lock_guard lock{mutex_};
  note("truncate\t" + path + "\t" + std::to_string(size) + "\n");
}

void PowerCutNotes::before_rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock{mutex_};
  std::string saved = links_ + "/" + std::to_string(++saved_);
  if (::link(to.c_str(), saved.c_str()) == 0) {
    replaced_.emplace_back(to, saved);
  } else {
    saved.clear();  // nothing was there
  }
  note("rename\t" + from + "\t" + to + "\t" + saved + "\n");
}

void PowerCutNotes::after_remove(const std::string& path) {
  const std::lock_guard lock{mutex_};
  note("remove\t" + path + "\n");
}

void PowerCutNotes::after_directory_sync(const std::string& directory) {
  const std::lock_guard lock{mutex_};
  note("directory\t" + directory + "\n");
  std::erase_if(replaced_, [&](const auto& entry) {
    const bool durable = parent_directory(entry.first) == directory;
    if (durable) {
      ::unlink(entry.second.c_str());
    }
    return durable;
  });
}

Result<CutReport, IoError> cut_power(const std::string& notes, const std::string& links,
                                     std::mt19937_64& random) {
  CutReport report;
  Watched watched;
  {
    std::ifstream text{notes};
    for (std::string line; std::getline(text, line) && !text.eof();) {
      watched.take(line);
    }
  }
  const std::uint64_t reached = random() % (watched.unsynced_names.size() + 1);
  while (watched.unsynced_names.size() > reached) {
    watched.undo();
    ++report.names_undone;
  }
  for (const auto& [path, synced] : watched.synced) {
    if (auto forgot = forget_bytes(path, synced, random, report); !forgot) {
      return Failure{forgot.error()};
    }
  }
  PosixFileSystem files;
  if (const auto left = files.list(links)) {
    for (const std::string& name : *left) {
      ::unlink((links + "/" + name).c_str());
    }
  }
  ::unlink(notes.c_str());
  return report;
}

Result<std::unique_ptr<File>, IoError> ForgetfulFileSystem::open(const std::string& path,
                                                                 OpenMode mode) {
  if (mode == OpenMode::create_new && !is_there(path)) {
    notes_.before_create(path);
  }
  auto file = files_.open(path, mode);
  if (!file || mode == OpenMode::read) {
    return file;
  }
  if (mode == OpenMode::append) {
    if (const auto size = (*file)->size()) {
      notes_.opened(path, *size);
    }
  }
  return std::unique_ptr<File>(std::make_unique<ForgetfulFile>(*std::move(file), path, notes_));
}

Result<std::unique_ptr<FileLock>, IoError> ForgetfulFileSystem::lock(const std::string& path) {
  return files_.lock(path);
}

Result<Ok, IoError> ForgetfulFileSystem::rename(const std::string& from, const std::string& to) {
  notes_.before_rename(from, to);
  return files_.rename(from, to);
}

Result<Ok, IoError> ForgetfulFileSystem::remove(const std::string& path) {
  auto removed = files_.remove(path);
  if (removed) {
    notes_.after_remove(path);
  }
  return removed;
}

Result<bool, IoError> ForgetfulFileSystem::exists(const std::string& path) const {
  return files_.exists(path);
}

Result<Ok, IoError> ForgetfulFileSystem::make_directory(const std::string& path) {
  return files_.make_directory(path);
}

Result<std::vector<std::string>, IoError> ForgetfulFileSystem::list(
    const std::string& directory) const {
  return files_.list(directory);
}

Result<Ok, IoError> ForgetfulFileSystem::sync_directory(const std::string& directory) {
  notes_.after_directory_sync(directory);
  return Ok{};
}

Result<std::uint64_t, IoError> ForgetfulFileSystem::free_bytes(const std::string& directory) const {
  return files_.free_bytes(directory);
}

}  // namespace gnomon::testing
