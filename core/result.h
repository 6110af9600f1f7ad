// Result<T, E>: a value or the reason there is none.
//
// The names are those of std::expected, so that this file can become an alias once every
// supported compiler has it. Two differences are on purpose: the class is [[nodiscard]], and
// reading the value of a failed Result aborts in every build type.

#pragma once

#include <cstdlib>
#include <utility>
#include <variant>

namespace gnomon {

// Failure wraps an error on its way into a Result. Write `return Failure{ParseError::truncated};`.
template <typename E>
struct Failure {
  E error;
};
template <typename E>
Failure(E) -> Failure<E>;

template <typename T, typename E>
class [[nodiscard]] Result {
 public:
  // Implicit on purpose: `return value;` is the normal way to succeed.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT
  Result(Failure<E> failure)                                             // NOLINT
      : state_(std::in_place_index<1>, std::move(failure.error)) {}

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& operator*() & { return *checked(std::get_if<0>(&state_)); }
  const T& operator*() const& { return *checked(std::get_if<0>(&state_)); }
  T&& operator*() && { return std::move(*checked(std::get_if<0>(&state_))); }
  T* operator->() { return checked(std::get_if<0>(&state_)); }
  const T* operator->() const { return checked(std::get_if<0>(&state_)); }

  const E& error() const { return *checked(std::get_if<1>(&state_)); }

 private:
  template <typename P>
  static P* checked(P* pointer) {
    if (pointer == nullptr) {
      std::abort();
    }
    return pointer;
  }

  std::variant<T, E> state_;
};

// Ok is the value of a Result that has nothing to say but "done".
struct Ok {};

}  // namespace gnomon
