// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <type_traits>
#include <utility>

#include "base/error.h"

namespace weir::base {

/// A value of type T, or the Error that kept it from being made. Must be looked at: dropping one is
/// a compile error. Pass errors up with WEIR_TRY or WEIR_CHECK.
template <class T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  template <class U = T>
    requires(!std::is_same_v<std::remove_cvref_t<U>, Result> && std::is_constructible_v<T, U> &&
             !std::is_same_v<std::remove_cvref_t<U>, Error>)
  Result(U&& value) : value_(std::forward<U>(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)                                    // NOLINT(google-explicit-constructor)
      : value_(std::unexpect, std::move(error)) {}

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }

  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return *std::move(value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

  const Error& error() const& { return value_.error(); }
  Error&& error() && { return std::move(value_).error(); }

 private:
  std::expected<T, Error> value_;
};

/// Success without a value, or the Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() = default;
  Result(Error error)  // NOLINT(google-explicit-constructor)
      : value_(std::unexpect, std::move(error)) {}

  bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }
  const Error& error() const& { return value_.error(); }
  Error&& error() && { return std::move(value_).error(); }

 private:
  std::expected<void, Error> value_;
};

}  // namespace weir::base

namespace weir {
using base::Result;
}  // namespace weir

#define WEIR_CONCAT_INNER(a, b) a##b
#define WEIR_CONCAT(a, b) WEIR_CONCAT_INNER(a, b)

/// `WEIR_TRY(auto row, fetch(id));` declares `row` from the value, or returns the error.
// NOLINTBEGIN(bugprone-macro-parentheses): a declaration cannot stand in parentheses.
#define WEIR_TRY(declaration, expression) \
  WEIR_TRY_IMPL(WEIR_CONCAT(weir_try_, __LINE__), declaration, expression)
#define WEIR_TRY_IMPL(temporary, declaration, expression)   \
  auto temporary = (expression);                            \
  if (!temporary.ok()) return std::move(temporary).error(); \
  declaration = *std::move(temporary)
// NOLINTEND(bugprone-macro-parentheses)

/// `WEIR_CHECK(save(row));` returns the error of an expression that has no value to keep.
#define WEIR_CHECK(expression)                                                                  \
  do {                                                                                          \
    if (auto weir_check = (expression); !weir_check.ok()) return std::move(weir_check).error(); \
  } while (false)
