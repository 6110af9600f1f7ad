#include "agent/capture/flow_filter.h"

#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "agent/kernel/extended_assembler.h"
#include "agent/kernel/kernel_calls.h"

namespace gnomon {
namespace {

using enum Register;

// Interface indexes up to here have a place of their own; those beyond share that of index 0, which
// no interface has.
constexpr std::uint32_t kInterfaces = 4096;

// How far behind its first byte a flow is shown. A flow whose first bytes were not seen yet:
// what the flow room would hold of it. A hello: twice its size, for one cut into many records.
// A request: a long head. Anything else: a greeting, after which TLS may begin.
constexpr std::uint32_t kUnknownWindow = 16 * 1024;
constexpr std::uint32_t kHelloSlack = 256;
constexpr std::uint32_t kRequestWindow = 8 * 1024;
constexpr std::uint32_t kGreetingWindow = 4 * 1024;

// The first bytes of a message that tell what it is (message_start.h).
constexpr std::uint32_t kSignBytes = 6;

// What a flow is found by: addresses (32 bytes, IPv4 fills 8) and ports (4), and 4 for alignment.
constexpr std::uint32_t kKeyBytes = 40;
constexpr std::uint32_t kPortsInKey = 32;
// What is known of it: the sequence number where it began, and how many bytes from there count.
constexpr std::uint32_t kValueBytes = 8;
constexpr std::int32_t kWindowInValue = 4;

// The stack, below the cells of the classic program.
constexpr std::int32_t kKey = -64;
constexpr std::int32_t kValue = -72;
constexpr std::int32_t kTcpHeader = -88;
constexpr std::int32_t kIndex = -96;
static_assert(kKey + static_cast<std::int32_t>(kKeyBytes) <=
              ExtendedAssembler::cell_place(kFilterCells - 1));

// The part of a TCP header up to its flags (RFC 9293, section 3.1).
constexpr std::uint32_t kTcpBytes = 14;
constexpr std::int32_t kSequenceInTcp = 4;
constexpr std::int32_t kSizeInTcp = 12;
constexpr std::int32_t kFlagsInTcp = 13;
constexpr std::uint32_t kSyn = 0x02;
constexpr std::uint32_t kAck = 0x10;

constexpr std::int32_t kArgumentLength = offsetof(__sk_buff, len);
constexpr std::int32_t kArgumentInterface = offsetof(__sk_buff, ifindex);

IoError fault(const char* operation, const char* what) {
  return IoError{operation, what, {errno, std::generic_category()}};
}

// FlowProgram writes the program. r6 is its argument, r8 what the classic rules said, r9 a place in
// the packet, r7 (behind those rules) the sequence number of the segment's first byte.
class FlowProgram {
 public:
  FlowProgram(int flows_fd, int interfaces_fd, std::uint32_t snaplen, std::uint32_t loopback)
      : flows_fd_(flows_fd),
        interfaces_fd_(interfaces_fd),
        snaplen_(snaplen),
        loopback_(loopback),
        drop_(code_.label()),
        give_(code_.label()) {}

  std::vector<bpf_insn> write() {
    code_.move(r6, r1);
    leave_others_out();

    FilterScope scope;
    scope.loopback = loopback_;
    scope.snaplen = snaplen_;
    const auto judged = code_.label();
    blank_cells();
    code_.translate(build_kernel_filter(scope, Tails::left_out), judged);
    code_.place(judged);
    read_tcp_header();
    make_key();
    const auto data = code_.label();
    take_syn(data);
    code_.place(data);
    judge_data();

    code_.place(drop_);
    code_.set(r8, 0);
    code_.place(give_);
    code_.move(r0, r8);
    code_.end();
    return code_.finish();
  }

 private:
  static std::int32_t cell(std::uint32_t which) { return ExtendedAssembler::cell_place(which); }

  // blank_cells puts a 0 where the rules end without having written what is read behind them. With
  // CAP_BPF alone, as the service has it, the kernel refuses to read what was not written.
  void blank_cells() {
    for (std::uint32_t which = 0; which < kFilterCells; ++which) {
      code_.store_value(Width::word, stack, cell(which), 0);
    }
  }

  // leave_others_out has the map find the interface's place: to reckon with an index in an address
  // wants CAP_PERFMON as well.
  void leave_others_out() {
    const auto own_place = code_.label();
    const auto shared_place = code_.label();
    const auto counts = code_.label();
    code_.load(Width::word, r9, r6, kArgumentInterface);
    code_.jump_if(BPF_JGE, r9, kInterfaces, shared_place);
    code_.go(own_place);
    code_.place(shared_place);
    code_.set(r9, 0);
    code_.place(own_place);
    code_.store(Width::word, stack, kIndex, r9);
    code_.set_map(r1, interfaces_fd_);
    code_.address(r2, stack, kIndex);
    code_.call(BPF_FUNC_map_lookup_elem);
    code_.jump_if_null(r0, drop_);
    code_.load(Width::twin, r0, r0, 0);
    code_.jump_if(BPF_JNE, r0, 0, counts);
    code_.go(drop_);
    code_.place(counts);
  }

  // read_tcp_header leaves those that are no outgoing TCP segment to what the rules said.
  void read_tcp_header() {
    code_.load(Width::word, r0, stack, cell(FilterCell::kOutbound));
    code_.jump_if(BPF_JNE, r0, 1, give_);
    code_.load(Width::word, r0, stack, cell(FilterCell::kProtocol));
    code_.jump_if(BPF_JNE, r0, 6, give_);
    code_.load(Width::word, r9, stack, cell(FilterCell::kTransport));
    copy_packet(r9, kTcpHeader, kTcpBytes);
    code_.load(Width::word, r7, stack, kTcpHeader + kSequenceInTcp);
    code_.from_network(r7, 32);
  }

  void copy_packet(Register from, std::int32_t to, std::uint32_t bytes) {
    code_.move(r2, from);
    code_.move(r1, r6);
    code_.address(r3, stack, to);
    code_.set(r4, bytes);
    code_.call(BPF_FUNC_skb_load_bytes);
    code_.jump_if(BPF_JNE, r0, 0, give_);
  }

  void make_key() {
    const auto v6 = code_.label();
    const auto ports = code_.label();
    for (std::uint32_t at = 0; at < kKeyBytes; at += 8) {
      code_.store_value(Width::twin, stack, kKey + static_cast<std::int32_t>(at), 0);
    }
    code_.load(Width::word, r9, stack, cell(FilterCell::kNetwork));
    code_.load_packet(Width::byte, r9, 0);
    code_.alu(BPF_RSH, r0, 4);
    code_.jump_if(BPF_JEQ, r0, 6, v6);
    code_.alu(BPF_ADD, r9, 12);
    copy_packet(r9, kKey, 8);
    code_.go(ports);
    code_.place(v6);
    code_.alu(BPF_ADD, r9, 8);
    copy_packet(r9, kKey, 32);
    code_.place(ports);
    code_.load(Width::word, r0, stack, kTcpHeader);
    code_.store(Width::word, stack, kKey + static_cast<std::int32_t>(kPortsInKey), r0);
  }

  // take_syn remembers where a flow begins, and shows the SYN: the flow room wants to know as well.
  void take_syn(ExtendedAssembler::Label data) {
    code_.load(Width::byte, r0, stack, kTcpHeader + kFlagsInTcp);
    code_.alu(BPF_AND, r0, kSyn | kAck);
    code_.jump_if(BPF_JNE, r0, kSyn, data);
    code_.alu(BPF_ADD, r7, 1);
    code_.store_value(Width::word, stack, kValue + kWindowInValue, kUnknownWindow);
    remember();
    code_.set(r8, snaplen_);
    code_.go(give_);
  }

  // remember puts r7 and the window that stands in the value under the key.
  void remember() {
    code_.store(Width::word, stack, kValue, r7);
    code_.set_map(r1, flows_fd_);
    code_.address(r2, stack, kKey);
    code_.address(r3, stack, kValue);
    code_.set(r4, BPF_ANY);
    code_.call(BPF_FUNC_map_update_elem);
  }

  void judge_data() {
    // r9: where the payload begins; r0: how long it is.
    code_.load(Width::byte, r0, stack, kTcpHeader + kSizeInTcp);
    code_.alu(BPF_AND, r0, 0xf0);
    code_.alu(BPF_RSH, r0, 2);
    code_.load(Width::word, r9, stack, cell(FilterCell::kTransport));
    code_.alu(BPF_ADD, r9, r0);
    code_.load(Width::word, r0, r6, kArgumentLength);
    code_.jump_if(BPF_JGE, r9, r0, give_);
    const auto begins = code_.label();
    code_.jump_if(BPF_JNE, r8, 0, begins);

    const auto shown = code_.label();
    code_.set_map(r1, flows_fd_);
    code_.address(r2, stack, kKey);
    code_.call(BPF_FUNC_map_lookup_elem);
    code_.jump_if_null(r0, drop_);
    code_.load(Width::word, r1, r0, 0);
    code_.load(Width::word, r2, r0, kWindowInValue);
    code_.alu(BPF_SUB, r7, r1);
    code_.jump_if(BPF_JGE, r7, r2, drop_);
    // The first bytes, and the rules do not know them.
    code_.jump_if(BPF_JNE, r7, 0, shown);
    code_.load(Width::word, r1, r6, kArgumentLength);
    code_.alu(BPF_SUB, r1, r9);
    const auto strange = code_.label();
    code_.jump_if(BPF_JGE, r1, kSignBytes, strange);
    code_.go(shown);
    code_.place(strange);
    code_.set(r1, kGreetingWindow);
    code_.store(Width::word, r0, kWindowInValue, r1);
    code_.place(shown);
    code_.set(r8, snaplen_);
    code_.go(give_);

    code_.place(begins);
    choose_window();
    remember();
    code_.go(give_);
  }

  // choose_window puts into the value how far the message that begins at r9 may reach.
  void choose_window() {
    const auto request = code_.label();
    const auto hello = code_.label();
    const auto chosen = code_.label();
    const auto bounded = code_.label();
    code_.load_packet(Width::byte, r9, 0);
    code_.jump_if(BPF_JNE, r0, 0x16, request);
    code_.store_value(Width::word, stack, kValue + kWindowInValue, kUnknownWindow);
    // Type and length of the handshake message (RFC 8446, section 4) stand behind five bytes of
    // record header.
    code_.load(Width::word, r0, r6, kArgumentLength);
    code_.alu(BPF_SUB, r0, r9);
    code_.jump_if(BPF_JGE, r0, 9, hello);
    code_.go(chosen);
    code_.place(hello);
    code_.load_packet(Width::word, r9, 5);
    code_.alu(BPF_AND, r0, 0x00ffffff);
    code_.alu(BPF_LSH, r0, 1);
    code_.alu(BPF_ADD, r0, kHelloSlack);
    code_.jump_if(BPF_JLT, r0, kUnknownWindow, bounded);
    code_.go(chosen);
    code_.place(bounded);
    code_.store(Width::word, stack, kValue + kWindowInValue, r0);
    code_.go(chosen);
    code_.place(request);
    code_.store_value(Width::word, stack, kValue + kWindowInValue, kRequestWindow);
    code_.place(chosen);
  }

  ExtendedAssembler code_;
  int flows_fd_;
  int interfaces_fd_;
  std::uint32_t snaplen_;
  std::uint32_t loopback_;
  ExtendedAssembler::Label drop_;
  ExtendedAssembler::Label give_;
};

}  // namespace

Result<std::unique_ptr<FlowFilter>, IoError> FlowFilter::load(std::uint32_t snaplen,
                                                              std::uint32_t loopback) {
  auto flows = make_map({BPF_MAP_TYPE_LRU_HASH, kKeyBytes, kValueBytes, kFlows}, "map of flows");
  if (!flows) {
    return Failure{flows.error()};
  }
  auto interfaces = make_map({BPF_MAP_TYPE_ARRAY, sizeof(std::uint32_t), sizeof(std::uint64_t),
                              kInterfaces, BPF_F_MMAPABLE},
                             "map of interfaces");
  if (!interfaces) {
    return Failure{interfaces.error()};
  }
  FlowProgram writer{flows->descriptor(), interfaces->descriptor(), snaplen, loopback};
  auto program =
      load_program(BPF_PROG_TYPE_SOCKET_FILTER, bpf_attach_type{}, writer.write(), "kernel filter");
  if (!program) {
    return Failure{program.error()};
  }
  void* shared = ::mmap(nullptr, kInterfaces * sizeof(std::uint64_t), PROT_READ | PROT_WRITE,
                        MAP_SHARED, interfaces->descriptor(), 0);
  if (shared == MAP_FAILED) {
    return Failure{fault("map", "map of interfaces")};
  }
  return std::unique_ptr<FlowFilter>{
      new FlowFilter{*std::move(program), {static_cast<std::uint64_t*>(shared), kInterfaces}}};
}

FlowFilter::~FlowFilter() {
  ::munmap(interfaces_.data(), interfaces_.size_bytes());
}

void FlowFilter::choose(const FilterScope& scope) {
  const std::uint64_t listed = scope.only_listed ? 1 : 0;
  const std::uint64_t others = 1 - listed;
  const auto is_listed = [&scope](std::size_t index) {
    return std::find(scope.interfaces.begin(), scope.interfaces.end(), index) !=
           scope.interfaces.end();
  };
  interfaces_[0] = others;
  for (std::size_t index = 1; index < interfaces_.size(); ++index) {
    interfaces_[index] = is_listed(index) ? listed : others;
  }
}

Result<Ok, IoError> FlowFilter::attach(int socket) const {
  const int program = program_.descriptor();
  if (::setsockopt(socket, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program)) != 0) {
    return Failure{fault("attach", "kernel filter")};
  }
  return Ok{};
}

}  // namespace gnomon
