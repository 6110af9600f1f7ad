// Output: a buffer in front of standard output.

#pragma once

#include <string>
#include <string_view>

namespace gnomon::cli {

// Output gathers text and writes it in large pieces to a file descriptor that it does not own.
// After a failed write (a closed pipe, a full disk) everything further is dropped and ok() is
// false. For one thread.
class Output {
 public:
  explicit Output(int descriptor) : descriptor_(descriptor) { buffer_.reserve(kFlushAt * 2); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() { flush(); }

  // text is where to append; call settle() when a line is whole.
  std::string& text() { return buffer_; }

  void settle() {
    if (buffer_.size() >= kFlushAt) {
      flush();
    }
  }

  void flush();
  bool ok() const { return ok_; }

 private:
  static constexpr std::size_t kFlushAt = std::size_t{64} * 1024;

  int descriptor_;
  bool ok_ = true;
  std::string buffer_;
};

}  // namespace gnomon::cli
