// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace weir::server {

/// A password or token. It cannot be printed, logged or compared by accident: the text comes out
/// only through `reveal`, at the one place that hands it to the outside.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}

  bool empty() const { return text_.empty(); }
  const std::string& reveal() const { return text_; }
  /// What people see instead.
  static std::string_view shown() { return "***"; }

 private:
  std::string text_;
};

/// The text of a DSN or URL for people: the password of `user:password@`, and the value of a
/// `password` or `sslpassword` in a query or in `key=value` form, give way to `***`.
std::string without_password(std::string_view dsn);

}  // namespace weir::server
