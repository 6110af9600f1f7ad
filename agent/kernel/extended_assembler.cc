#include "agent/kernel/extended_assembler.h"

#include <limits>

#include "core/check.h"

namespace gnomon {
namespace {

constexpr std::size_t kNowhere = ~std::size_t{0};

constexpr Register kArgument = Register::r6;
constexpr Register kAccumulator = Register::r0;
constexpr Register kIndex = Register::r7;
constexpr Register kResult = Register::r8;

unsigned bits_of(Width width) {
  return static_cast<unsigned>(width);
}

// reachable_in marks the instructions that can be come to. The kernel refuses an extended program
// in which others stand; a classic one may have them, behind a choice that is always the same.
std::vector<bool> reachable_in(std::span<const sock_filter> program) {
  std::vector<bool> reached(program.size() + 1, false);
  reached[0] = true;
  for (std::size_t at = 0; at < program.size(); ++at) {
    const sock_filter& i = program[at];
    if (!reached[at] || BPF_CLASS(i.code) == BPF_RET) {
      continue;
    }
    if (BPF_CLASS(i.code) != BPF_JMP) {
      reached[at + 1] = true;
    } else if (BPF_OP(i.code) == BPF_JA) {
      reached[at + 1 + i.k] = true;
    } else {
      reached[at + 1 + i.jt] = true;
      reached[at + 1 + i.jf] = true;
    }
  }
  return reached;
}

}  // namespace

ExtendedAssembler::Label ExtendedAssembler::label() {
  places_.push_back(kNowhere);
  return places_.size() - 1;
}

void ExtendedAssembler::place(Label label) {
  places_[label] = program_.size();
}

void ExtendedAssembler::emit(unsigned code, Register to, Register from, std::int32_t offset,
                             std::uint32_t value) {
  bpf_insn instruction{};
  instruction.code = static_cast<std::uint8_t>(code);
  instruction.dst_reg = static_cast<unsigned>(to) & 0x0fU;
  instruction.src_reg = static_cast<unsigned>(from) & 0x0fU;
  instruction.off = static_cast<std::int16_t>(offset);
  instruction.imm = static_cast<std::int32_t>(value);
  program_.push_back(instruction);
}

void ExtendedAssembler::emit_jump(unsigned code, Register left, Register right, std::uint32_t value,
                                  Label label) {
  jumps_.push_back({program_.size(), label});
  emit(code, left, right, 0, value);
}

void ExtendedAssembler::move(Register to, Register from) {
  emit(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

void ExtendedAssembler::set(Register to, std::uint32_t value) {
  emit(BPF_ALU | BPF_MOV | BPF_K, to, Register::r0, 0, value);
}

void ExtendedAssembler::set_wide(Register to, std::uint64_t value) {
  // NOLINTNEXTLINE(misc-redundant-expression): two of the names have the value 0
  emit(BPF_LD | BPF_DW | BPF_IMM, to, Register::r0, 0, static_cast<std::uint32_t>(value));
  emit(0, Register::r0, Register::r0, 0, static_cast<std::uint32_t>(value >> 32U));
}

void ExtendedAssembler::set_map(Register to, int map_fd) {
  // One constant of 64 bits in two places; the kernel puts the map's address there.
  // NOLINTNEXTLINE(misc-redundant-expression): two of the names have the value 0
  emit(BPF_LD | BPF_DW | BPF_IMM, to, static_cast<Register>(BPF_PSEUDO_MAP_FD), 0,
       static_cast<std::uint32_t>(map_fd));
  emit(0, Register::r0, Register::r0, 0, 0);
}

void ExtendedAssembler::address(Register to, Register base, std::int32_t offset) {
  move(to, base);
  // NOLINTNEXTLINE(misc-redundant-expression): two of the names have the value 0
  emit(BPF_ALU64 | BPF_ADD | BPF_K, to, Register::r0, 0, static_cast<std::uint32_t>(offset));
}

void ExtendedAssembler::shift_down(Register value, std::uint32_t bits) {
  emit(BPF_ALU64 | BPF_RSH | BPF_K, value, Register::r0, 0, bits);
}

void ExtendedAssembler::alu(unsigned operation, Register to, std::uint32_t value) {
  emit(BPF_ALU | operation | BPF_K, to, Register::r0, 0, value);
}

void ExtendedAssembler::alu(unsigned operation, Register to, Register value) {
  emit(BPF_ALU | operation | BPF_X, to, value, 0, 0);
}

void ExtendedAssembler::from_network(Register value, int bits) {
  emit(BPF_ALU | BPF_END | BPF_TO_BE, value, Register::r0, 0, static_cast<std::uint32_t>(bits));
}

void ExtendedAssembler::load(Width width, Register to, Register base, std::int32_t offset) {
  emit(BPF_LDX | BPF_MEM | bits_of(width), to, base, offset, 0);
}

void ExtendedAssembler::store(Width width, Register base, std::int32_t offset, Register value) {
  emit(BPF_STX | BPF_MEM | bits_of(width), base, value, offset, 0);
}

void ExtendedAssembler::store_value(Width width, Register base, std::int32_t offset,
                                    std::uint32_t value) {
  emit(BPF_ST | BPF_MEM | bits_of(width), base, Register::r0, offset, value);
}

void ExtendedAssembler::fetch(std::uint32_t operation, Register base, std::int32_t offset,
                              Register value) {
  emit(BPF_STX | BPF_ATOMIC | BPF_DW, base, value, offset, operation | BPF_FETCH);
}

void ExtendedAssembler::load_packet(Width width, Register index, std::uint32_t offset) {
  emit(BPF_LD | BPF_IND | bits_of(width), Register::r0, index, 0, offset);
}

void ExtendedAssembler::go(Label label) {
  emit_jump(BPF_JMP | BPF_JA, Register::r0, Register::r0, 0, label);
}

void ExtendedAssembler::jump_if(unsigned test, Register left, std::uint32_t right, Label label) {
  emit_jump(BPF_JMP32 | test | BPF_K, left, Register::r0, right, label);
}

void ExtendedAssembler::jump_if(unsigned test, Register left, Register right, Label label) {
  emit_jump(BPF_JMP32 | test | BPF_X, left, right, 0, label);
}

void ExtendedAssembler::jump_if_null(Register pointer, Label label) {
  emit_jump(BPF_JMP | BPF_JEQ | BPF_K, pointer, Register::r0, 0, label);
}

void ExtendedAssembler::jump_if_different(Register left, Register right, Label label) {
  emit_jump(BPF_JMP | BPF_JNE | BPF_X, left, right, 0, label);
}

void ExtendedAssembler::jump_if_above(Register left, Register right, Label label) {
  emit_jump(BPF_JMP | BPF_JGT | BPF_X, left, right, 0, label);
}

void ExtendedAssembler::call(std::int32_t helper) {
  emit(BPF_JMP | BPF_CALL, Register::r0, Register::r0, 0, static_cast<std::uint32_t>(helper));
}

void ExtendedAssembler::end() {
  emit(BPF_JMP | BPF_EXIT, Register::r0, Register::r0, 0, 0);
}

void ExtendedAssembler::translate(std::span<const sock_filter> classic, Label done) {
  const std::vector<bool> reached = reachable_in(classic);
  // Labels are numbered one after the other, so that of an instruction is found by its place.
  const Label first = places_.size();
  places_.resize(first + classic.size(), kNowhere);
  // Classic BPF begins with both at 0.
  set(kAccumulator, 0);
  set(kIndex, 0);
  for (std::size_t at = 0; at < classic.size(); ++at) {
    place(first + at);
    if (reached[at] && BPF_CLASS(classic[at].code) == BPF_JMP) {
      translate_jump(classic[at], first + at + 1);
    } else if (reached[at]) {
      translate_one(classic[at], done);
    }
  }
}

void ExtendedAssembler::translate_jump(const sock_filter& instruction, Label next) {
  if (BPF_OP(instruction.code) == BPF_JA) {
    return go(next + instruction.k);
  }
  GNOMON_CHECK(BPF_SRC(instruction.code) == BPF_K);
  jump_if(BPF_OP(instruction.code), kAccumulator, instruction.k, next + instruction.jt);
  if (instruction.jf != 0) {
    go(next + instruction.jf);
  }
}

void ExtendedAssembler::translate_one(const sock_filter& instruction, Label done) {
  const std::uint32_t k = instruction.k;
  switch (instruction.code) {
    case BPF_LD | BPF_W | BPF_ABS:
      return translate_ancillary(k - static_cast<std::uint32_t>(SKF_AD_OFF));
    case BPF_LD | BPF_B | BPF_IND:
      return load_packet(Width::byte, kIndex, k);
    case BPF_LD | BPF_H | BPF_IND:
      return load_packet(Width::half, kIndex, k);
    case BPF_LD | BPF_W | BPF_IND:
      return load_packet(Width::word, kIndex, k);
    case BPF_LD | BPF_W | BPF_LEN:
      return load(Width::word, kAccumulator, kArgument, offsetof(__sk_buff, len));
    case BPF_LD | BPF_MEM:
      return load(Width::word, kAccumulator, Register::stack, cell_place(k));
    case BPF_LDX | BPF_W | BPF_MEM:
      return load(Width::word, kIndex, Register::stack, cell_place(k));
    case BPF_LD | BPF_IMM:  // NOLINT(misc-redundant-expression): both are 0
      return set(kAccumulator, k);
    case BPF_LDX | BPF_W | BPF_IMM:  // NOLINT(misc-redundant-expression): two are 0
      return set(kIndex, k);
    case BPF_ST:
      return store(Width::word, Register::stack, cell_place(k), kAccumulator);
    case BPF_STX:
      return store(Width::word, Register::stack, cell_place(k), kIndex);
    case BPF_MISC | BPF_TAX:
      return alu(BPF_MOV, kIndex, kAccumulator);
    case BPF_RET | BPF_K:
      set(kResult, k);
      return go(done);
    default:
      GNOMON_CHECK(BPF_CLASS(instruction.code) == BPF_ALU);
      GNOMON_CHECK(BPF_OP(instruction.code) != BPF_DIV && BPF_OP(instruction.code) != BPF_MUL);
      if (BPF_SRC(instruction.code) == BPF_X) {
        return alu(BPF_OP(instruction.code), kAccumulator, kIndex);
      }
      return alu(BPF_OP(instruction.code), kAccumulator, k);
  }
}

void ExtendedAssembler::translate_ancillary(std::uint32_t what) {
  switch (what) {
    case SKF_AD_IFINDEX:
      return load(Width::word, kAccumulator, kArgument, offsetof(__sk_buff, ifindex));
    case SKF_AD_PKTTYPE:
      return load(Width::word, kAccumulator, kArgument, offsetof(__sk_buff, pkt_type));
    case SKF_AD_PROTOCOL:
      load(Width::word, kAccumulator, kArgument, offsetof(__sk_buff, protocol));
      return from_network(kAccumulator, 16);
    default:
      GNOMON_CHECK(false && "an ancillary load that our filter does not use");
  }
}

std::vector<bpf_insn> ExtendedAssembler::finish() {
  for (const Jump& jump : jumps_) {
    GNOMON_CHECK(places_[jump.to] != kNowhere && places_[jump.to] > jump.at);
    const std::size_t distance = places_[jump.to] - jump.at - 1;
    GNOMON_CHECK(distance <= std::numeric_limits<std::int16_t>::max());
    program_[jump.at].off = static_cast<std::int16_t>(distance);
  }
  return program_;
}

}  // namespace gnomon
