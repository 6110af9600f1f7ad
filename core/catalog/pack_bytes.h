// PackBytes: the bytes of an open pack, in memory or mapped from its file.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/byte_reader.h"
#include "core/catalog/rule_pack.h"
#include "core/result.h"

namespace gnomon {

// PackBytes owns the bytes; what view() yields lives as long as it does, also when it is moved.
//
// A mapped pack costs resident memory only for the pages that questions touch, and those are clean
// pages of the file that the system may take back. Packs are replaced by rename (FORMAT.md), so the
// file that is mapped stays what was verified. Should somebody write into it all the same, reads
// stay inside the mapping and answers may be wrong; should it be cut short, the process ends.
class PackBytes {
 public:
  static PackBytes copy_of(Bytes bytes);

  // map maps a file that may be a pack; its size is checked first.
  static Result<PackBytes, PackError> map(const std::string& path);

  PackBytes(PackBytes&& other) noexcept;
  PackBytes& operator=(PackBytes&&) = delete;
  PackBytes(const PackBytes&) = delete;
  PackBytes& operator=(const PackBytes&) = delete;
  ~PackBytes();

  Bytes view() const noexcept { return {data_, size_}; }

  // forget_pages gives back the pages that were read so far; they come again when they are read.
  void forget_pages() const noexcept;

 private:
  PackBytes() = default;

  std::vector<std::uint8_t> copy_;
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
  bool mapped_ = false;
};

}  // namespace gnomon
