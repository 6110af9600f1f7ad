// ClassicAssembler: writes programs of classic BPF with names for the places they jump to.

#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/check.h"

namespace gnomon {

// ClassicAssembler emits classic BPF (Linux, Documentation/networking/filter.rst). Jumps go forward
// to labels; conditional ones reach 255 instructions, so every part has its own ways out.
class ClassicAssembler {
 public:
  using Label = std::size_t;

  Label label() {
    places_.push_back(kNowhere);
    return places_.size() - 1;
  }
  void place(Label label) { places_[label] = program_.size(); }

  void emit(unsigned code, std::uint32_t k = 0) {
    program_.push_back({static_cast<std::uint16_t>(code), 0, 0, k});
  }
  // when tests the accumulator against k and goes to `yes`, else on.
  void when(unsigned test, std::uint32_t k, Label yes) {
    jumps_.push_back({program_.size(), yes, true});
    program_.push_back({static_cast<std::uint16_t>(BPF_JMP | BPF_K | test), 0, 0, k});
  }
  void unless(unsigned test, std::uint32_t k, Label no) {
    jumps_.push_back({program_.size(), no, false});
    program_.push_back({static_cast<std::uint16_t>(BPF_JMP | BPF_K | test), 0, 0, k});
  }
  void go(Label label) {
    jumps_.push_back({program_.size(), label, true});
    emit(BPF_JMP | BPF_JA);
  }

  void load_ancillary(unsigned what) {
    emit(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF) + what);
  }
  void load8(std::uint32_t at) { emit(BPF_LD | BPF_B | BPF_IND, at); }
  void load16(std::uint32_t at) { emit(BPF_LD | BPF_H | BPF_IND, at); }
  void load32(std::uint32_t at) { emit(BPF_LD | BPF_W | BPF_IND, at); }
  void load_length() { emit(BPF_LD | BPF_W | BPF_LEN); }
  void load_cell(std::uint32_t cell) { emit(BPF_LD | BPF_MEM, cell); }
  void store_cell(std::uint32_t cell) { emit(BPF_ST, cell); }
  void store_index(std::uint32_t cell) { emit(BPF_STX, cell); }
  void index_from_cell(std::uint32_t cell) { emit(BPF_LDX | BPF_W | BPF_MEM, cell); }
  // NOLINTNEXTLINE(misc-redundant-expression): two of the names have the value 0
  void set_index(std::uint32_t value) { emit(BPF_LDX | BPF_W | BPF_IMM, value); }
  void to_index() { emit(BPF_MISC | BPF_TAX); }
  void mask(std::uint32_t k) { emit(BPF_ALU | BPF_AND | BPF_K, k); }
  // NOLINTNEXTLINE(misc-redundant-expression): two of the names have the value 0
  void add(std::uint32_t k) { emit(BPF_ALU | BPF_ADD | BPF_K, k); }
  void add_index() { emit(BPF_ALU | BPF_ADD | BPF_X); }
  void subtract_index() { emit(BPF_ALU | BPF_SUB | BPF_X); }
  void shift_left(std::uint32_t k) { emit(BPF_ALU | BPF_LSH | BPF_K, k); }
  void shift_right(std::uint32_t k) { emit(BPF_ALU | BPF_RSH | BPF_K, k); }
  void give(std::uint32_t bytes) { emit(BPF_RET | BPF_K, bytes); }

  std::vector<sock_filter> finish() {
    for (const Jump& jump : jumps_) {
      GNOMON_CHECK(places_[jump.to] != kNowhere && places_[jump.to] > jump.at);
      const std::size_t distance = places_[jump.to] - jump.at - 1;
      sock_filter& instruction = program_[jump.at];
      if (instruction.code == (BPF_JMP | BPF_JA)) {
        instruction.k = static_cast<std::uint32_t>(distance);
        continue;
      }
      GNOMON_CHECK(distance <= 255);
      (jump.when ? instruction.jt : instruction.jf) = static_cast<std::uint8_t>(distance);
    }
    return program_;
  }

 private:
  static constexpr std::size_t kNowhere = ~std::size_t{0};

  struct Jump {
    std::size_t at;
    Label to;
    bool when;
  };

  std::vector<sock_filter> program_;
  std::vector<std::size_t> places_;
  std::vector<Jump> jumps_;
};

}  // namespace gnomon
