// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "server/http/http_message.h"

namespace weir::server {

/// The answer to a request that failed: problem details (RFC 9457) as contract section 1.3 words
/// them. `status` says otherwise than the table of codes where a route asks for it (422, 413, 405).
/// 429 and 503 carry Retry-After. What failed inside (INTERNAL, UNKNOWN, DATA_LOSS) is not told to
/// the caller, only where to find it in the log.
HttpResponse problem_response(const Error& error, std::string_view request_id,
                              std::optional<int> status = {});

/// The title that always goes with a code word: "dag_not_json" is "DAG not JSON".
std::string problem_title(std::string_view code);

}  // namespace weir::server
