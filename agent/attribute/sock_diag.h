// SockDiag asks the Linux kernel who owns a socket, by its two ends (sock_diag(7)).

#pragma once

#include <cstdint>
#include <optional>

#include "agent/decode/datagram.h"
#include "core/io_error.h"
#include "core/ip_address.h"
#include "core/result.h"

namespace gnomon {

// SocketOwner is what the kernel says about an open socket.
struct SocketOwner {
  std::uint32_t inode = 0;  // never 0
  std::uint32_t uid = 0;
};

// SockDiag holds one netlink socket. No privilege is needed. It sees the network namespace that it
// was opened in, and no other. For one thread.
class SockDiag {
 public:
  static Result<SockDiag, IoError> open();
  SockDiag(SockDiag&& other) noexcept;
  SockDiag& operator=(SockDiag&& other) noexcept;
  SockDiag(const SockDiag&) = delete;
  SockDiag& operator=(const SockDiag&) = delete;
  ~SockDiag();

  // find yields the owner of the socket with these ends; nothing when there is none, or when it is
  // closing already: such a socket answers with inode 0 and uid 0, which is not root.
  std::optional<SocketOwner> find(Transport transport, const Endpoint& local,
                                  const Endpoint& remote);

 private:
  explicit SockDiag(int descriptor) : descriptor_(descriptor) {}

  std::optional<SocketOwner> ask(std::uint8_t protocol, const Endpoint& source,
                                 const Endpoint& destination);

  int descriptor_ = -1;
  std::uint32_t sequence_ = 0;
};

}  // namespace gnomon
