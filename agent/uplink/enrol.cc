#include "agent/uplink/enrol.h"

#include <sys/utsname.h>

#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "core/catalog/trust.h"
#include "core/net/connect.h"
#include "core/net/crypto.h"
#include "core/net/join_token.h"
#include "core/net/link.h"
#include "core/sha256.h"
#include "core/wire/frame.h"

namespace gnomon {
namespace {

using Fault = EnrolError::Fault;

EnrolError network_error(const NetError& error) {
  return {Fault::network, wire::ErrorCode::unspecified, "enrolling failed: " + error.text};
}

Result<EnrolResult, EnrolError> take_reply(const wire::EnrolReply& reply, const PrivateKey& key,
                                           const Certificate& pinned) {
  const EnrolError broken{Fault::network, wire::ErrorCode::unspecified,
                          "enrolling failed: the collector's answer makes no sense"};
  std::vector<Certificate> chain;
  for (const std::string& der : reply.chain) {
    const auto certificate = Certificate::from_der(der);
    if (!certificate) {
      return Failure{broken};
    }
    chain.push_back(*certificate);
  }
  // The root is the one the token pins, whatever the answer says.
  const auto root = Certificate::from_der(reply.root);
  if (!root || root->key_sha256() != pinned.key_sha256() || !chain.front().belongs_to(key) ||
      chain.front().common_name() != reply.agent) {
    return Failure{broken};
  }
  if (!reply.overlay_trust.empty() && !parse_trust(reply.overlay_trust)) {
    return Failure{broken};
  }
  return EnrolResult{Identity{reply.agent, key, std::move(chain), pinned}, reply.port,
                     reply.overlay_trust};
}

asio::awaitable<Result<EnrolResult, EnrolError>> converse(EnrolOptions options, JoinToken token) {
  ConnectOptions where;
  where.addresses = options.addresses;
  where.proxy = options.proxy;
  where.per_attempt = options.within;
  auto socket = co_await connect_to_any(std::move(where));
  if (!socket) {
    co_return Failure{network_error(socket.error())};
  }
  const ClientTls nobody_yet;
  TlsContext tls = TlsContext::client(nobody_yet);
  TlsConnection connection(*std::move(socket), tls);
  const auto secured = co_await connection.handshake(options.within);
  if (!secured) {
    co_return Failure{network_error(secured.error())};
  }
  const auto pinned = connection.verify_pinned(token.root_key_sha256);
  if (!pinned) {
    co_return Failure{network_error(pinned.error())};
  }
  const PrivateKey key = PrivateKey::generate();
  wire::EnrolRequest request;
  request.token_id = token.id;
  request.token_secret = token.secret;
  request.csr = make_csr(key);
  request.machine = options.machine;
  wire::Envelope message = std::move(request);
  const auto sent = co_await send(connection, std::move(message), options.within);
  if (!sent) {
    co_return Failure{network_error(sent.error())};
  }
  const auto received =
      co_await receive(connection, wire::kMaxHelloFrameBytes, options.within, options.within);
  if (!received) {
    co_return Failure{network_error(received.error())};
  }
  connection.close();
  if (const auto* error = std::get_if<wire::Error>(&*received)) {
    co_return Failure{
        EnrolError{Fault::refused, error->code, "the collector refused to enrol: " + error->text}};
  }
  const auto* reply = std::get_if<wire::EnrolReply>(&*received);
  if (reply == nullptr) {
    const wire::EnrolReply none{"", {""}, "", 0, ""};
    co_return take_reply(none, key, *pinned);
  }
  co_return take_reply(*reply, key, *pinned);
}

// A reference parameter, because enrol() waits for the end on the spot.
asio::awaitable<void> converse_into(EnrolOptions options, JoinToken token,
                                    std::optional<Result<EnrolResult, EnrolError>>& result) {
  result.emplace(co_await converse(std::move(options), std::move(token)));
}

}  // namespace

Result<EnrolResult, EnrolError> enrol(FileSystem& files, const EnrolOptions& options) {
  const auto token = parse_join_token(options.token);
  if (!token) {
    return Failure{
        EnrolError{Fault::bad_token, wire::ErrorCode::unspecified,
                   "this is not a join token: it should look like gn1.<id>.<...>.<...>"}};
  }
  asio::io_context io(1);
  std::optional<Result<EnrolResult, EnrolError>> result;
  asio::co_spawn(io, converse_into(options, *token, result), [](const std::exception_ptr&) {});
  io.run();
  if (!result) {
    return Failure{EnrolError{Fault::network, wire::ErrorCode::unspecified, "enrolling failed"}};
  }
  if (*result) {
    // The identity last: with it the agent counts as enrolled, and should lack nothing.
    auto stored = store_overlay_trust(files, options.identity_directory, (*result)->overlay_trust);
    if (stored) {
      stored = store_identity(files, options.identity_directory, (*result)->identity);
    }
    if (!stored) {
      return Failure{EnrolError{Fault::disk, wire::ErrorCode::unspecified,
                                "the identity could not be stored: " + stored.error().text()}};
    }
  }
  return *std::move(result);
}

wire::MachineFacts describe_machine(FileSystem& files) {
  wire::MachineFacts facts;
  facts.agent_version = GNOMON_VERSION;
  utsname system{};
  if (::uname(&system) == 0) {
    facts.os = std::string{&system.sysname[0]} + ' ' + &system.release[0];
    facts.arch = &system.machine[0];
  }
  if (const auto release = read_whole_file(files, "/etc/os-release", 65536)) {
    const std::string key = "PRETTY_NAME=\"";
    const std::size_t begin = release->find(key);
    const std::size_t end =
        begin == std::string::npos ? begin : release->find('"', begin + key.size());
    if (end != std::string::npos) {
      facts.os = release->substr(begin + key.size(), end - begin - key.size());
    }
  }
  if (const auto id = read_whole_file(files, "/etc/machine-id", 4096); id && id->size() >= 32) {
    // machine-id(5) asks not to show the id itself: hash it together with a fixed text of ours.
    facts.machine_hash = sha256_text("gnomon machine " + id->substr(0, 32));
  }
  return facts;
}

}  // namespace gnomon
