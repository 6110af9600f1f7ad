// AdminServer: commands over a Unix socket that only the collector's own user may open.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "collector/enrol/authority.h"
#include "collector/enrol/registry.h"
#include "core/io_error.h"
#include "core/result.h"
#include "core/wire/messages.h"

namespace boost::asio {
class io_context;
class thread_pool;
}  // namespace boost::asio

namespace gnomon {

// AdminHandler carries out one command. It runs on a pool thread and may block.
using AdminHandler = std::function<wire::AdminReply(const wire::AdminRequest&)>;

// kPeerArgument is the argument that the server adds to each request: who is at the other end of
// the socket, by the kernel's word. What a client sends under this name is dropped.
constexpr const char* kPeerArgument = "peer";

// enrolment_commands carries out, and passes everything else on to `others` (which may be empty):
//   token create [label] [uses] [hours]  -> one row: id, token, expires
//   token list                           -> rows: id, label, created, expires, uses, state, ...
//   token revoke id                      -> nothing
//   agents list [state]                  -> rows: id, label, state, connected, os, ...
//   agents show id                       -> one such row, with everything known
//   agents revoke id, agents release id  -> nothing
//   agents auto-release [on: yes or no]  -> one row: auto_release
//   ca show                              -> one row: instance, root, key_sha256, expires,
//   certificate ca import chain, key, [force]        -> one row: what happens next
// Everything given must outlive it.
struct EnrolmentParts {
  Registry& registry;
  const Authority& authority;
  FileSystem& files;
  const Clock& clock;
  std::string authority_directory;

  // Agents that are connected right now, by id, with a word for people; may be absent.
  std::function<std::map<std::string, std::string>()> connected = {};
};
AdminHandler enrolment_commands(EnrolmentParts parts, AdminHandler others = {});

// AdminServer answers one command a connection. The socket is 0600: whoever can open it could read
// the data folder as well. start() and stop() on the I/O thread or before it runs; everything
// given, and the server itself, must outlive the run of the io_context.
class AdminServer {
 public:
  AdminServer(boost::asio::io_context& io, boost::asio::thread_pool& pool, std::string socket_path,
              AdminHandler handler);
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;
  ~AdminServer();

  // start replaces a socket file that nobody listens on. EADDRINUSE: a collector runs already.
  Result<Ok, IoError> start();
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gnomon
