#include "core/catalog/pack_bytes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace gnomon {
namespace {

Failure<PackError> unreadable(const std::string& path) {
  return Failure{PackError{PackFault::unreadable, "cannot read the rule pack " + path}};
}

// Descriptor closes itself; a mapping outlives it.
struct Descriptor {
  int fd = -1;
  explicit Descriptor(int number) : fd(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) {
      ::close(fd);
    }
  }
};

}  // namespace

PackBytes PackBytes::copy_of(Bytes bytes) {
  PackBytes result;
  result.copy_.assign(bytes.begin(), bytes.end());
  result.data_ = result.copy_.data();
  result.size_ = result.copy_.size();
  return result;
}

Result<PackBytes, PackError> PackBytes::map(const std::string& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat status {};
  if (file.fd < 0 || ::fstat(file.fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    return unreadable(path);
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > kMaxPackBytes) {
    return Failure{PackError{PackFault::too_large, "the pack is over 16 MiB"}};
  }
  if (size == 0) {
    return copy_of({});  // nothing cannot be mapped
  }
  void* const at = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (at == MAP_FAILED) {
    return unreadable(path);
  }
  PackBytes result;
  result.data_ = static_cast<const std::uint8_t*>(at);
  result.size_ = size;
  result.mapped_ = true;
  return result;
}

PackBytes::PackBytes(PackBytes&& other) noexcept
    : copy_(std::move(other.copy_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mapped_(std::exchange(other.mapped_, false)) {}

PackBytes::~PackBytes() {
  if (mapped_) {
    ::munmap(const_cast<std::uint8_t*>(data_), size_);
  }
}

void PackBytes::forget_pages() const noexcept {
  if (mapped_) {
    // A hint: without it the pages merely stay.
    static_cast<void>(::madvise(const_cast<std::uint8_t*>(data_), size_, MADV_DONTNEED));
  }
}

}  // namespace gnomon
