// KernelObject: something that the kernel keeps for us.

#pragma once

#include <unistd.h>

#include <utility>

namespace gnomon {

// KernelObject holds the descriptor of something the kernel keeps for us, or none. The kernel frees
// it when nobody holds it any more, however this process ends.
class KernelObject {
 public:
  KernelObject() = default;
  explicit KernelObject(int descriptor) : descriptor_(descriptor) {}
  KernelObject(KernelObject&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  KernelObject& operator=(KernelObject&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  KernelObject(const KernelObject&) = delete;
  KernelObject& operator=(const KernelObject&) = delete;
  ~KernelObject() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }

  int descriptor() const { return descriptor_; }

 private:
  int descriptor_ = -1;
};

}  // namespace gnomon
