// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dispatcher/user_api/user_api.h"
#include "server/auth/roles.h"
#include "server/http/http_message.h"

/// What each route of the user listener is: who may ask it, how its request is read, and what it
/// then does. The desk (desk.h) carries all of them out in one order.
namespace weir::dispatcher {

/// Who asks, once that is known.
struct Caller {
  Principal principal;
  std::string request_id;
  std::optional<std::string> repeat_key = {};  ///< `Idempotency-Key`
};

/// The work of one request, read and found well-formed: gives its answer, problems that have
/// members of their own included. An Error becomes the problem of its code.
using Work = std::move_only_function<Result<server::HttpResponse>(const Caller&)>;

/// Reads a request: INVALID_ARGUMENT, or `too_large`. Touches nothing; the request outlives the
/// work.
using ReadRequest = Result<Work> (*)(const UserApiPorts&, const server::HttpRequest&);

/// Who writes the row of `audit_log` about a request that changes something.
enum class AuditedBy : std::uint8_t {
  Nobody,   ///< it changes nothing
  Desk,     ///< before the work
  Service,  ///< the service, in its own transaction
};

struct UserRoute {
  std::string_view method;
  std::string_view path;
  auth::Action action;
  ReadRequest read;
  AuditedBy audited = AuditedBy::Nobody;
  std::size_t body_bytes_max = kSmallBodyBytes;
};

/// The one route whose answer goes on; the desk has it.
inline constexpr std::string_view kEventsPath = "/v1/events/stream";

std::vector<UserRoute> deploy_routes();
std::vector<UserRoute> dag_routes();
std::vector<UserRoute> task_routes();
std::vector<UserRoute> dataset_routes();
std::vector<UserRoute> audit_routes();

}  // namespace weir::dispatcher
