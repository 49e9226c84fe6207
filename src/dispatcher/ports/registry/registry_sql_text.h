// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "drivers/postgres/statement.h"

namespace weir::dispatcher::registry_sql {

/// `sql` with each `@utc(expression)` as the expression's text on the wire (RFC 3339, UTC,
/// milliseconds), and each `@micros(expression)` as its microseconds.
std::string expanded(std::string_view sql);

/// The least text that follows all texts of a prefix in the order of bytes; nothing if none does.
std::optional<std::string> behind_prefix(std::string_view prefix);

/// A statement whose text is made when it is first used; lives as long as the program.
class MadeStatement {
 public:
  MadeStatement(const char* name, std::string_view sql)
      : text_(expanded(sql)), statement_{.name = name, .sql = text_.c_str()} {}
  MadeStatement(const MadeStatement&) = delete;
  MadeStatement& operator=(const MadeStatement&) = delete;
  ~MadeStatement() = default;

  const postgres::Statement& get() const { return statement_; }

 private:
  std::string text_;
  postgres::Statement statement_;
};

}  // namespace weir::dispatcher::registry_sql
