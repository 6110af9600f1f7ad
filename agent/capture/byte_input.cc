#include "agent/capture/byte_input.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "core/byte_reader.h"
#include "core/fixed_fields.h"

namespace gnomon {
namespace {

// What is read of a packed file at a time.
constexpr std::size_t kPackedBytes = std::size_t{64} * 1024;

// zstd frames may ask the reader for a window of up to 2 GiB. 32 MiB is what level 20 of the
// command line tool uses at most; larger windows only come from --ultra and --long.
constexpr int kMaxZstdWindowLog = 25;

CaptureError unreadable(const std::string& path, int error) {
  return CaptureError{CaptureError::Kind::unreadable,
                      "cannot read " + path + ": " + std::generic_category().message(error)};
}

// FdInput reads a descriptor and owns it, but for standard input.
class FdInput final : public ByteInput {
 public:
  FdInput(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  FdInput(const FdInput&) = delete;
  FdInput& operator=(const FdInput&) = delete;
  ~FdInput() override {
    if (fd_ != STDIN_FILENO) {
      ::close(fd_);
    }
  }

  const std::string& path() const { return path_; }

  // give_back makes the next read() yield `bytes` first: they were read to see what this is.
  void give_back(std::vector<std::uint8_t> bytes) { given_back_ = std::move(bytes); }

  Result<std::size_t, CaptureError> read(std::span<std::uint8_t> into) override {
    if (!given_back_.empty()) {
      const std::size_t count = std::min(into.size(), given_back_.size());
      std::copy_n(given_back_.begin(), count, into.begin());
      given_back_.erase(given_back_.begin(),
                        given_back_.begin() + static_cast<std::ptrdiff_t>(count));
      return count;
    }
    for (;;) {
      const ssize_t got = ::read(fd_, into.data(), into.size());
      if (got >= 0) {
        return static_cast<std::size_t>(got);
      }
      if (errno != EINTR) {
        return Failure{unreadable(path_, errno)};
      }
    }
  }

 private:
  int fd_;
  std::string path_;
  std::vector<std::uint8_t> given_back_;
};

// PackedInput holds what both unpackers share: the packed bytes not used yet.
class PackedInput : public ByteInput {
 protected:
  explicit PackedInput(std::unique_ptr<FdInput> packed)
      : packed_(std::move(packed)), buffer_(kPackedBytes) {}

  Bytes rest() const { return Bytes{buffer_}.subspan(begin_, end_ - begin_); }
  void use(std::size_t count) { begin_ += count; }

  // refill reads more once the rest is used up; yields false at the end of the packed file.
  Result<bool, CaptureError> refill() {
    begin_ = 0;
    end_ = 0;
    auto got = packed_->read(buffer_);
    if (!got) {
      return Failure{got.error()};
    }
    end_ = *got;
    return end_ > 0;
  }

  CaptureError broken(const std::string& what) const {
    return CaptureError{CaptureError::Kind::damaged, packed_->path() + ": " + what};
  }

 private:
  std::unique_ptr<FdInput> packed_;
  std::vector<std::uint8_t> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// GzipInput unpacks gzip, also of several members one after the other.
class GzipInput final : public PackedInput {
 public:
  explicit GzipInput(std::unique_ptr<FdInput> packed) : PackedInput(std::move(packed)) {
    // 15: the largest window; +16: gzip only.
    ready_ = ::inflateInit2(&stream_, 15 + 16) == Z_OK;
  }
  GzipInput(const GzipInput&) = delete;
  GzipInput& operator=(const GzipInput&) = delete;
  ~GzipInput() override {
    if (ready_) {
      static_cast<void>(::inflateEnd(&stream_));
    }
  }

  Result<std::size_t, CaptureError> read(std::span<std::uint8_t> into) override {
    if (!ready_) {
      return Failure{broken("zlib cannot start")};
    }
    for (;;) {
      auto more = find_data();
      if (!more) {
        return Failure{more.error()};
      }
      if (!*more) {
        return std::size_t{0};
      }
      const Bytes packed = rest();
      stream_.next_in = const_cast<Bytef*>(packed.data());  // NOLINT: zlib's z_const is off
      stream_.avail_in = static_cast<uInt>(packed.size());
      stream_.next_out = into.data();
      stream_.avail_out = static_cast<uInt>(into.size());
      const int status = ::inflate(&stream_, Z_NO_FLUSH);
      use(packed.size() - stream_.avail_in);
      between_members_ = status == Z_STREAM_END;
      const std::size_t got = into.size() - stream_.avail_out;
      if (got > 0) {
        return got;
      }
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
        return Failure{broken("the gzip data is corrupt")};
      }
    }
  }

 private:
  // find_data sees to packed bytes of a member; false at the end of the file.
  Result<bool, CaptureError> find_data() {
    for (;;) {
      if (rest().empty()) {
        auto more = refill();
        if (!more) {
          return more;
        }
        if (!*more && !between_members_) {
          return Failure{broken("the gzip data breaks off")};
        }
        if (!*more) {
          return false;
        }
      }
      if (!between_members_) {
        return true;
      }
      // Some writers pad the file with zeros; gzip ignores them, so we do.
      if (rest()[0] != 0) {
        static_cast<void>(::inflateReset(&stream_));
        between_members_ = false;
        return true;
      }
      use(1);
    }
  }

  z_stream stream_{};
  bool ready_ = false;
  bool between_members_ = true;
};

// ZstdInput unpacks zstd frames, one after the other.
class ZstdInput final : public PackedInput {
 public:
  explicit ZstdInput(std::unique_ptr<FdInput> packed)
      : PackedInput(std::move(packed)), stream_(ZSTD_createDCtx(), &ZSTD_freeDCtx) {
    if (stream_ != nullptr) {
      ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, kMaxZstdWindowLog);
    }
  }

  Result<std::size_t, CaptureError> read(std::span<std::uint8_t> into) override {
    if (stream_ == nullptr) {
      return Failure{broken("zstd cannot start")};
    }
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    for (;;) {
      // A frame may hold output back when `into` was full, so it is asked before more is read.
      const Bytes packed = rest();
      ZSTD_inBuffer in{packed.data(), packed.size(), 0};
      const std::size_t status = ZSTD_decompressStream(stream_.get(), &out, &in);
      use(in.pos);
      if (ZSTD_isError(status) != 0) {
        return Failure{
            broken(std::string{"the zstd data cannot be unpacked: "} + ZSTD_getErrorName(status))};
      }
      if (in.pos > 0) {
        between_frames_ = status == 0;
      }
      if (out.pos > 0) {
        return out.pos;
      }
      if (!rest().empty()) {
        continue;
      }
      auto more = refill();
      if (!more) {
        return Failure{more.error()};
      }
      if (!*more && !between_frames_) {
        return Failure{broken("the zstd data breaks off")};
      }
      if (!*more) {
        return std::size_t{0};
      }
    }
  }

 private:
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> stream_;
  bool between_frames_ = true;
};

bool is_gzip(Bytes start) {
  return start.size() >= 2 && start[0] == 0x1f && start[1] == 0x8b;
}

// RFC 8878, sections 3.1.1 and 3.1.2: a frame, or a skippable frame that may precede one.
bool is_zstd(Bytes start) {
  if (start.size() < 4) {
    return false;
  }
  const std::uint32_t magic = le32<0>(start.first<4>());
  return magic == 0xfd2fb528 || (magic & 0xfffffff0) == 0x184d2a50;
}

}  // namespace

Result<std::unique_ptr<ByteInput>, CaptureError> open_input(const std::string& path) {
  const bool standard = path == "-";
  const int fd = standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return Failure{unreadable(path, errno)};
  }
  auto input = std::make_unique<FdInput>(fd, standard ? "standard input" : path);

  std::array<std::uint8_t, 4> start{};
  std::size_t have = 0;
  while (have < start.size()) {
    auto got = input->read(std::span{start}.subspan(have));
    if (!got) {
      return Failure{got.error()};
    }
    if (*got == 0) {
      break;
    }
    have += *got;
  }
  if (have == 0) {
    return Failure{CaptureError{CaptureError::Kind::empty, input->path() + " is empty"}};
  }
  const Bytes seen = Bytes{start}.first(have);
  input->give_back({seen.begin(), seen.end()});
  if (is_gzip(seen)) {
    return std::unique_ptr<ByteInput>{std::make_unique<GzipInput>(std::move(input))};
  }
  if (is_zstd(seen)) {
    return std::unique_ptr<ByteInput>{std::make_unique<ZstdInput>(std::move(input))};
  }
  return std::unique_ptr<ByteInput>{std::move(input)};
}

}  // namespace gnomon
