// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <utility>

#include "base/error.h"

namespace vm0 {

// The one road of errors that can happen. A function returns it when it can fail for a reason
// outside of the program; callers handle it or pass it on with the macros below.
template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> Fail(Code code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}
inline std::unexpected<Error> Fail(Error error) { return std::unexpected(std::move(error)); }

}  // namespace vm0

#define VM0_CONCAT_(a, b) a##b
#define VM0_CONCAT(a, b) VM0_CONCAT_(a, b)

// VM0_TRY(expr): returns its error from the function, if it has one.
#define VM0_TRY(expr)                                        \
  do {                                                       \
    if (auto vm0_status = (expr); !vm0_status)               \
      return std::unexpected(std::move(vm0_status).error()); \
  } while (false)

// VM0_ASSIGN(auto x, expr): x is the value, or the function returns the error.
#define VM0_ASSIGN(lhs, expr) VM0_ASSIGN_(return, lhs, expr, VM0_CONCAT(vm0_result_, __LINE__))
// The same two inside a coroutine.
#define VM0_CO_TRY(expr)                                        \
  do {                                                          \
    if (auto vm0_status = (expr); !vm0_status)                  \
      co_return std::unexpected(std::move(vm0_status).error()); \
  } while (false)
#define VM0_CO_ASSIGN(lhs, expr) \
  VM0_ASSIGN_(co_return, lhs, expr, VM0_CONCAT(vm0_result_, __LINE__))
#define VM0_ASSIGN_(ret, lhs, expr, name)                  \
  auto name = (expr);                                      \
  if (!name) ret std::unexpected(std::move(name).error()); \
  lhs = std::move(*name)
