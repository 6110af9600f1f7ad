// How every coroutine of ours awaits.

#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace gnomon {

namespace asio = boost::asio;

// Awaits without exceptions: every operation yields its error_code as the first element.
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

}  // namespace gnomon
