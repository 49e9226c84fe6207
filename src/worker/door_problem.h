// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "server/http/http_message.h"

/// What the child's door refuses with (contract sections 0 and 3.7).
namespace weir::worker {

/// A refusal by a code of section 3.7.
Error refusal(std::string code, std::string message);

/// The problem of an Error, with the status of its code. What is wrong inside or for the moment is
/// 503 `unavailable`; `rows_invalid` says its line.
server::HttpResponse door_problem(const Error& error, std::string_view request_id);

}  // namespace weir::worker
