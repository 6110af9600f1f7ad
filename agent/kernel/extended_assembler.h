// ExtendedAssembler: writes programs of the kernel's extended BPF, which can remember.

#pragma once

#include <linux/bpf.h>
#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace gnomon {

// Register is one of extended BPF (Linux, Documentation/bpf/standardization). r0 is what calls and
// packet loads give; they spoil r1 to r5.
enum class Register : std::uint8_t { r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, stack };

// Width is how many bytes a load or store moves.
enum class Width : std::uint8_t { byte = BPF_B, half = BPF_H, word = BPF_W, twin = BPF_DW };

// ExtendedAssembler emits instructions with jumps that only go forward. Arithmetic and comparisons
// have 32 bits, as in classic BPF. A packet load behind the packet's end makes the program end
// with 0.
//
// Before the first packet load or translate(), r6 must hold the program's argument.
class ExtendedAssembler {
 public:
  using Label = std::size_t;

  Label label();
  void place(Label label);

  void move(Register to, Register from);  // all 64 bits
  void set(Register to, std::uint32_t value);
  void set_wide(Register to, std::uint64_t value);
  void set_map(Register to, int map_fd);
  void address(Register to, Register base, std::int32_t offset);  // to = base + offset, 64 bits
  void shift_down(Register value, std::uint32_t bits);            // 64 bits
  void alu(unsigned operation, Register to, std::uint32_t value);
  void alu(unsigned operation, Register to, Register value);
  void from_network(Register value, int bits);  // 16 or 32

  void load(Width width, Register to, Register base, std::int32_t offset);
  void store(Width width, Register base, std::int32_t offset, Register value);
  void store_value(Width width, Register base, std::int32_t offset, std::uint32_t value);
  // fetch does `operation` (BPF_OR, BPF_ADD) with 64 bits of memory that others may write as well,
  // and leaves in `value` what stood there. No store before or behind it passes it. Linux 5.12.
  void fetch(std::uint32_t operation, Register base, std::int32_t offset, Register value);
  // load_packet reads at `index` + offset in the packet, in the host's order, into r0.
  void load_packet(Width width, Register index, std::uint32_t offset);

  void go(Label label);
  void jump_if(unsigned test, Register left, std::uint32_t right, Label label);
  void jump_if(unsigned test, Register left, Register right, Label label);
  // jump_if_null compares all 64 bits, as the kernel's checker wants it for what a map gave.
  void jump_if_null(Register pointer, Label label);
  void jump_if_different(Register left, Register right, Label label);  // 64 bits
  void jump_if_above(Register left, Register right, Label label);      // 64 bits, unsigned
  void call(std::int32_t helper);
  void end();  // the program's result is in r0

  // translate puts in a program of classic BPF that neither divides nor multiplies. Its result goes
  // to r8 and the way on to `done`. Its cells lie on the stack at cell_place(), its accumulator is
  // r0, its index r7.
  void translate(std::span<const sock_filter> classic, Label done);
  static constexpr std::int32_t cell_place(std::uint32_t cell) {
    return -4 * (static_cast<std::int32_t>(cell) + 1);
  }

  // finish gives the program with all jumps filled in.
  std::vector<bpf_insn> finish();

 private:
  struct Jump {
    std::size_t at;
    Label to;
  };

  void emit(unsigned code, Register to, Register from, std::int32_t offset, std::uint32_t value);
  void emit_jump(unsigned code, Register left, Register right, std::uint32_t value, Label label);
  void translate_one(const sock_filter& instruction, Label done);
  void translate_jump(const sock_filter& instruction, Label next);
  void translate_ancillary(std::uint32_t what);

  std::vector<bpf_insn> program_;
  std::vector<std::size_t> places_;
  std::vector<Jump> jumps_;
};

}  // namespace gnomon
