// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"

struct pg_conn;

namespace weir::postgres {

struct ConnectOptions;

/// Logs in and waits for it; the caller ends the session with PQfinish. Reading and writing do not
/// block. Fails as Connection::connect.
Result<pg_conn*> open_session(const ConnectOptions& options);

/// libpq's messages end in a line feed and may have several lines.
std::string one_line(std::string text);

}  // namespace weir::postgres
