#include "agent/push_trial.h"

#include <charconv>
#include <utility>

namespace gnomon {
namespace {

constexpr std::size_t kMaxFile = std::size_t{17} << 20;  // a rule pack, and some
constexpr std::size_t kMaxNote = 64;

// Note is the content of `.trial`: "<version> <starts>".
struct Note {
  std::uint32_t version = 0;
  std::uint32_t starts = 0;
};

std::string text_of_note(const Note& note) {
  return std::to_string(note.version) + ' ' + std::to_string(note.starts) + '\n';
}

std::optional<Note> read_note(FileSystem& files, const std::string& path) {
  const auto there = files.exists(path);
  if (!there || !*there) {
    return std::nullopt;
  }
  const auto text = read_whole_file(files, path, kMaxNote);
  Note note;
  if (!text) {
    return std::nullopt;
  }
  const char* end = text->data() + text->size();
  const auto version = std::from_chars(text->data(), end, note.version);
  if (version.ec != std::errc{}) {
    return std::nullopt;
  }
  if (version.ptr != end) {
    std::from_chars(version.ptr + 1, end, note.starts);
  }
  return note;
}

}  // namespace

Result<Ok, IoError> PushTrial::begin(std::uint32_t version) {
  const auto there = files_.exists(path_);
  if (!there) {
    return Failure{there.error()};
  }
  // While a trial is on, what lies at the path is unproven: the proven one stays set aside.
  if (!on_trial()) {
    if (*there) {
      const auto present = read_whole_file(files_, path_, kMaxFile);
      if (!present) {
        return Failure{present.error()};
      }
      if (auto kept = replace_file(files_, before(), *present); !kept) {
        return kept;
      }
    } else {
      static_cast<void>(files_.remove(before()).has_value());
    }
  }
  return replace_file(files_, trial(), text_of_note(Note{version, 0}));
}

Result<std::optional<std::uint32_t>, IoError> PushTrial::started() {
  auto note = read_note(files_, trial());
  if (!note) {
    return std::optional<std::uint32_t>{};
  }
  if (note->starts >= kMaxStarts) {
    if (const auto back = put_back(note->version); !back) {
      return Failure{back.error()};
    }
    return std::optional{note->version};
  }
  ++note->starts;
  if (const auto noted = replace_file(files_, trial(), text_of_note(*note)); !noted) {
    return Failure{noted.error()};
  }
  return std::optional<std::uint32_t>{};
}

Result<Ok, IoError> PushTrial::put_back(std::uint32_t version) {
  // The refusal first: a crash in between repeats the rest.
  if (auto noted = replace_file(files_, path_ + ".refused", std::to_string(version)); !noted) {
    return noted;
  }
  const auto there = files_.exists(before());
  if (!there) {
    return Failure{there.error()};
  }
  if (*there) {
    const auto old = read_whole_file(files_, before(), kMaxFile);
    if (!old) {
      return Failure{old.error()};
    }
    if (auto back = replace_file(files_, path_, *old); !back) {
      return back;
    }
  } else if (const auto left = files_.exists(path_); left && *left) {
    if (auto removed = files_.remove(path_); !removed) {
      return removed;
    }
  }
  return files_.remove(trial());
}

void PushTrial::ended_well() {
  if (auto note = read_note(files_, trial()); note && note->starts > 0) {
    --note->starts;
    // When it cannot be written the start counts: a proven file is put back at worst.
    static_cast<void>(replace_file(files_, trial(), text_of_note(*note)).has_value());
  }
}

void PushTrial::proven() {
  static_cast<void>(files_.remove(trial()).has_value());
  static_cast<void>(files_.remove(before()).has_value());
}

bool PushTrial::on_trial() const {
  return read_note(files_, trial()).has_value();
}

std::uint32_t PushTrial::refused() const {
  const auto note = read_note(files_, path_ + ".refused");
  return note ? note->version : 0;
}

}  // namespace gnomon
