// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/events/event_log.h"
#include "server/http/http_message.h"

namespace weir::server {

/// What a reader of `GET /v1/events/stream` asks for (DAG manager contract, section 1.3).
struct EventRequest {
  std::optional<std::int64_t> after;  ///< nothing: what comes from now on
  std::vector<std::string> types;     ///< empty: all
  std::string world;                  ///< empty: all

  bool wants(const StreamEvent& event) const;
};

/// Header `Last-Event-ID`, else query `after`; query `types` (comma list) and `world`.
/// INVALID_ARGUMENT `invalid_event_id`.
Result<EventRequest> read_event_request(const HttpRequest& request);

/// One event as server-sent events spell it (WHATWG HTML, section 9.2).
std::string event_block(const StreamEvent& event);
/// What a reader gets whose place is not kept: it reads the state anew and goes on at `oldest`.
std::string reset_block(std::int64_t oldest);

}  // namespace weir::server
