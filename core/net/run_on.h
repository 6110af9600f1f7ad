// run_on: a blocking call on a pool of threads, awaited.

#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "core/net/await.h"

namespace gnomon {

// run_on calls `work` on a thread of `pool` and goes on, on the caller's own executor, with what it
// yields. What `work` refers to must live until then.
template <typename Work>
asio::awaitable<std::invoke_result_t<Work>> run_on(asio::thread_pool& pool, Work work) {
  const auto home = co_await asio::this_coro::executor;
  std::optional<std::invoke_result_t<Work>> result;
  auto start = [&](auto handler) {
    asio::post(pool, [&, handler = std::move(handler)]() mutable {
      result.emplace(work());
      asio::post(home, std::move(handler));
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(start, asio::use_awaitable);
  co_return *std::move(result);
}

}  // namespace gnomon
