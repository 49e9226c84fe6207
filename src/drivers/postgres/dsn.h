// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace weir::postgres {

/// The parts of a DSN that are looked at here; empty where the DSN says nothing.
struct DsnParts {
  std::string host;
  std::string port;
  std::string database;
  std::string user;
  std::string options = {};  // Server settings, "-c name=value …".
};

/// Fails with InvalidArgument `dsn_invalid`; the message never repeats the DSN.
Result<DsnParts> parse_dsn(const std::string& dsn);

/// "user@host:port/database" of a DSN, for logs and error texts: never a password. Fails as
/// parse_dsn.
Result<std::string> describe_dsn(const std::string& dsn);

/// For a value in `options`, where blanks separate.
std::string escape_option(std::string_view value);

}  // namespace weir::postgres
