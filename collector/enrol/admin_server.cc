#include "collector/enrol/admin_server.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <exception>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include "collector/enrol/record_text.h"
#include "core/log.h"
#include "core/net/await.h"
#include "core/net/crypto.h"
#include "core/net/run_on.h"
#include "core/wire/frame.h"

namespace gnomon {
namespace {

using local = asio::local::stream_protocol;

constexpr std::uint32_t kMaxTokenUses = 100'000;
constexpr std::uint32_t kMaxTokenHours = 24 * 90;

wire::AdminReply problem(std::string text) {
  wire::AdminReply reply;
  reply.error = std::move(text);
  return reply;
}

std::string argument(const wire::AdminRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.arguments) {
    if (key == name) {
      return value;
    }
  }
  return {};
}

// number_argument yields `usual` when the argument is absent, nullopt when it is no number between
// 1 and `most`.
std::optional<std::uint32_t> number_argument(const wire::AdminRequest& request,
                                             std::string_view name, std::uint32_t usual,
                                             std::uint32_t most) {
  const std::string text = argument(request, name);
  if (text.empty()) {
    return usual;
  }
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > most) {
    return std::nullopt;
  }
  return value;
}

std::string time_or_dash(WallTime time) {
  return time == WallTime{} ? "-" : format_time(time);
}

wire::AdminReply create_token(Registry& registry, const wire::AdminRequest& request) {
  const auto uses = number_argument(request, "uses", 1, kMaxTokenUses);
  const auto hours = number_argument(request, "hours", 24, kMaxTokenHours);
  if (!uses || !hours) {
    return problem("uses must be 1 to 100000 and hours 1 to 2160");
  }
  TokenOptions options;
  options.label = argument(request, "label");
  options.max_uses = *uses;
  options.life = std::chrono::hours{*hours};
  const auto token = registry.create_token(options);
  if (!token) {
    return problem(token.error().text());
  }
  wire::AdminReply reply;
  reply.rows.push_back(
      {{"id", token->id}, {"token", token->text}, {"expires", format_time(token->expires)}});
  return reply;
}

wire::AdminReply list_tokens(const Registry& registry) {
  const auto tokens = registry.tokens();
  if (!tokens) {
    return problem(tokens.error().text());
  }
  wire::AdminReply reply;
  for (const TokenInfo& token : *tokens) {
    const char* state = token.revoked                  ? "revoked"
                        : token.uses >= token.max_uses ? "used up"
                                                       : "open";
    reply.rows.push_back({{"id", token.id},
                          {"label", token.label},
                          {"created", format_time(token.created)},
                          {"expires", format_time(token.expires)},
                          {"uses", std::to_string(token.uses)},
                          {"max_uses", std::to_string(token.max_uses)},
                          {"state", state}});
  }
  return reply;
}

wire::AdminReply list_agents(const Registry& registry) {
  const auto agents = registry.agents();
  if (!agents) {
    return problem(agents.error().text());
  }
  wire::AdminReply reply;
  for (const AgentInfo& agent : *agents) {
    const char* state = agent.revoked                ? "revoked"
                        : !agent.replaced_by.empty() ? "replaced"
                                                     : "active";
    reply.rows.push_back({{"id", agent.id},
                          {"label", agent.label},
                          {"os", agent.os},
                          {"arch", agent.arch},
                          {"version", agent.version},
                          {"enrolled", time_or_dash(agent.enrolled)},
                          {"renewed", time_or_dash(agent.renewed)},
                          {"certificate_expires", time_or_dash(agent.certificate_expires)},
                          {"serial", agent.serial},
                          {"replaced_by", agent.replaced_by},
                          {"state", state}});
  }
  return reply;
}

template <typename Done>
wire::AdminReply done_or_unknown(const Done& done, const char* unknown) {
  if (!done) {
    return problem(done.error().text());
  }
  return *done ? wire::AdminReply{} : problem(unknown);
}

}  // namespace

AdminHandler enrolment_commands(Registry& registry, const Authority& authority,
                                AdminHandler others) {
  return [&registry, &authority,
          others = std::move(others)](const wire::AdminRequest& request) -> wire::AdminReply {
    if (request.command == "token create") {
      return create_token(registry, request);
    }
    if (request.command == "token list") {
      return list_tokens(registry);
    }
    if (request.command == "token revoke") {
      return done_or_unknown(registry.revoke_token(argument(request, "id")),
                             "there is no such token");
    }
    if (request.command == "agents list") {
      return list_agents(registry);
    }
    if (request.command == "agents revoke") {
      return done_or_unknown(registry.revoke_agent(argument(request, "id")),
                             "no such agent is known; it is denied all the same");
    }
    if (request.command == "ca show") {
      wire::AdminReply reply;
      reply.rows.push_back({{"instance", authority.instance()},
                            {"key_sha256", to_hex(authority.root().key_sha256())},
                            {"expires", format_time(authority.root().not_after())},
                            {"certificate", authority.root().to_pem()}});
      return reply;
    }
    return others ? others(request) : problem("there is no such command");
  };
}

class AdminServer::Impl {
 public:
  Impl(asio::io_context& io, asio::thread_pool& pool, std::string path, AdminHandler handler)
      : io_(io), pool_(pool), path_(std::move(path)), handler_(std::move(handler)) {}

  Result<Ok, IoError> start() {
    boost::system::error_code error;
    local::endpoint endpoint;
    try {
      endpoint = local::endpoint(path_);
    } catch (const boost::system::system_error& too_long) {
      return Failure{IoError{"listen on", path_, too_long.code()}};
    }
    local::socket probe(io_);
    probe.connect(endpoint, error);
    if (!error) {
      return Failure{IoError{"listen on", path_, std::make_error_code(std::errc::address_in_use)}};
    }
    ::unlink(path_.c_str());  // left by a collector that was killed
    acceptor_.emplace(io_);
    acceptor_->open(endpoint.protocol(), error);
    if (!error) {
      // Nobody may connect between bind and chmod, so the file is born 0600.
      const mode_t before = ::umask(0177);
      acceptor_->bind(endpoint, error);
      ::umask(before);
    }
    if (!error) {
      acceptor_->listen(16, error);
    }
    if (error) {
      return Failure{IoError{"listen on", path_, error}};
    }
    spawn(accept());
    return Ok{};
  }

  void stop() {
    stopping_ = true;
    if (acceptor_) {
      boost::system::error_code ignored;
      acceptor_->close(ignored);
      ::unlink(path_.c_str());
    }
    for (local::socket* socket : sockets_) {
      boost::system::error_code ignored;
      socket->close(ignored);
    }
  }

 private:
  void spawn(asio::awaitable<void> task) {
    asio::co_spawn(io_, std::move(task), [](const std::exception_ptr& thrown) {
      if (thrown) {
        log::error("enrol.admin_failed");
      }
    });
  }

  asio::awaitable<void> accept() {
    while (!stopping_) {
      auto accepted = co_await acceptor_->async_accept(kAwait);
      if (std::get<0>(accepted)) {
        co_return;
      }
      spawn(serve(std::move(std::get<1>(accepted))));
    }
  }

  // No deadline: whoever holds the socket open is the collector's own user.
  asio::awaitable<void> serve(local::socket socket) {
    sockets_.insert(&socket);
    std::array<std::uint8_t, wire::kFrameHeaderBytes> header{};
    const auto [short_header, header_size] =
        co_await asio::async_read(socket, asio::buffer(header), kAwait);
    const auto length = wire::frame_length(header, wire::kMaxHelloFrameBytes);
    if (!short_header && length) {
      std::vector<std::uint8_t> body(*length);
      const auto [short_body, body_size] =
          co_await asio::async_read(socket, asio::buffer(body), kAwait);
      auto envelope = wire::decode(body);
      const auto* request = envelope ? std::get_if<wire::AdminRequest>(&*envelope) : nullptr;
      wire::AdminReply reply = problem("the command could not be understood");
      if (!short_body && request != nullptr) {
        auto work = [this, request] { return handler_(*request); };
        reply = co_await run_on(pool_, work);
      }
      const std::string frame = wire::encode_frame(reply);
      const auto [failed, written] =
          co_await asio::async_write(socket, asio::buffer(frame), kAwait);
      static_cast<void>(failed);
    }
    sockets_.erase(&socket);
  }

  asio::io_context& io_;
  asio::thread_pool& pool_;
  std::string path_;
  AdminHandler handler_;
  std::optional<local::acceptor> acceptor_;
  std::set<local::socket*> sockets_;
  bool stopping_ = false;
};

AdminServer::AdminServer(boost::asio::io_context& io, boost::asio::thread_pool& pool,
                         std::string socket_path, AdminHandler handler)
    : impl_(std::make_unique<Impl>(io, pool, std::move(socket_path), std::move(handler))) {}

AdminServer::~AdminServer() = default;

Result<Ok, IoError> AdminServer::start() {
  return impl_->start();
}
void AdminServer::stop() {
  impl_->stop();
}

}  // namespace gnomon
