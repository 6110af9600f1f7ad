#include "collector/enrol/admin_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

#include "core/file.h"
#include "core/wire/frame.h"

namespace gnomon {
namespace {

constexpr int kTimeoutSeconds = 30;

// A list of ten thousand agents with all their fields.
constexpr std::size_t kMaxReply = std::size_t{16} << 20;

class Socket {
 public:
  explicit Socket(int number) : number_(number) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (number_ >= 0) {
      ::close(number_);
    }
  }
  int number() const { return number_; }

 private:
  int number_;
};

bool read_all(int socket, std::span<std::uint8_t> into) {
  while (!into.empty()) {
    const ssize_t got = ::recv(socket, into.data(), into.size(), 0);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      errno = got == 0 ? ECONNRESET : errno;
      return false;
    }
    into = into.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

bool write_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) {
      continue;
    }
    if (sent < 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace

Result<wire::AdminReply, IoError> admin_call(const std::string& socket_path,
                                             const wire::AdminRequest& request) {
  const auto failed = [&](const char* operation, int number) {
    return Failure{
        IoError{operation, socket_path, std::error_code(number, std::generic_category())}};
  };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof address.sun_path) {
    return failed("connect", ENAMETOOLONG);
  }
  std::copy(socket_path.begin(), socket_path.end(), &address.sun_path[0]);
  const Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.number() < 0) {
    return failed("connect", errno);
  }
  const timeval timeout{kTimeoutSeconds, 0};
  static_cast<void>(
      ::setsockopt(socket.number(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout));
  static_cast<void>(
      ::setsockopt(socket.number(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout));
  if (::connect(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
      0) {
    return failed("connect", errno);
  }
  if (!write_all(socket.number(), wire::encode_frame(request))) {
    return failed("write", errno);
  }
  std::array<std::uint8_t, wire::kFrameHeaderBytes> header{};
  if (!read_all(socket.number(), header)) {
    return failed("read", errno);
  }
  const auto length = wire::frame_length(header, kMaxReply);
  if (!length) {
    return failed("read", EBADMSG);
  }
  std::vector<std::uint8_t> body(*length);
  if (!read_all(socket.number(), body)) {
    return failed("read", errno);
  }
  auto envelope = wire::decode(body);
  auto* reply = envelope ? std::get_if<wire::AdminReply>(&*envelope) : nullptr;
  if (reply == nullptr) {
    return failed("read", EBADMSG);
  }
  return std::move(*reply);
}

}  // namespace gnomon
