// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "base/clock.h"
#include "dispatcher/internal_api/worker_tokens.h"
#include "dispatcher/tasks/task_service.h"
#include "dispatcher/tasks/wakeup_desk.h"
#include "server/http/router.h"
#include "server/metrics.h"
#include "server/worker_pool.h"

namespace weir::dispatcher {

/// What the internal and the task listener stand on; each outlives them.
struct InternalApi {
  TaskService& tasks;
  WakeupQueue& queue;
  WakeupDesk& desk;
  CapabilityMint& mint;
  /// Carries out the claims of polls that were answered while they waited.
  server::WorkerPool& claimers;
  WorkerTokens& worker_tokens;
  server::Metrics& metrics;
  Clock& clock;
  /// Notes a refused credential in the audit log.
  std::function<void(const server::HttpRequest&, const Error&)> denied;
};

/// Claims that answer polls, at once; they share transactions.
inline constexpr std::size_t kClaimersMax = 4;

/// `/internal/*` and `/metrics` (contract section 3.3): every route asks for the worker token.
void add_internal_routes(server::Router& router, InternalApi& api);

/// `/v1/task/*` (section 3.4): every route asks for a capability token, and binds its body to it.
void add_task_routes(server::Router& router, InternalApi& api);

/// The answer of an events call, and of a read of operator state, as both listeners give it.
Result<server::HttpResponse> answer_accepted(const Answer<AcceptReply>& answer,
                                             std::string_view request_id);
Result<server::HttpResponse> answer_state(const Answer<StateRow>& answer,
                                          std::string_view request_id);

}  // namespace weir::dispatcher
