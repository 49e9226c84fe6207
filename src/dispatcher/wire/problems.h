// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string_view>

#include "base/error.h"
#include "dispatcher/core/refusal.h"
#include "server/http/http_message.h"

/// The errors of the three listeners (contract section 3.7): one table of codes with their
/// statuses, and the one way in which an Error or a Refusal becomes a problem (section 0).
namespace weir::dispatcher {

struct ProblemCode {
  std::string_view code;
  int status;
};

/// Every code of section 3.7, by status.
std::span<const ProblemCode> problem_codes();

/// The status of a code; nothing if the contract does not have it.
std::optional<int> problem_status(std::string_view code);

/// What an error is on the wire: its own reason where the contract has it, else the code that its
/// kind of failure has there (a lost database is `unavailable`, what we did not foresee
/// `internal`). Total: never a code outside the table.
ProblemCode problem_code(const Error& error);

/// What a route adds to a problem.
struct ProblemExtras {
  /// Further members, an object; null for none. A member `errors` stands in place of the error's
  /// own faults.
  const nlohmann::ordered_json* members = nullptr;
  /// Of 429 and 503, in place of the server's own.
  std::optional<std::chrono::seconds> retry_after = {};
};

/// The problem alone, as it stands in an item of a batch. Nothing of what failed inside, or of the
/// database, is told: only `instance`, under which the log says more.
nlohmann::ordered_json problem_json(const Error& error, std::string_view request_id,
                                    const ProblemExtras& extras = {});
/// A refused command with its members: `reason`, `retry_after_ms`, `state`, `cancel_reason`.
nlohmann::ordered_json problem_json(const Refusal& refusal, std::string_view request_id);

/// The whole answer, `application/problem+json`; 429 and 503 carry Retry-After.
server::HttpResponse problem_response(const Error& error, std::string_view request_id,
                                      const ProblemExtras& extras = {});
server::HttpResponse problem_response(const Refusal& refusal, std::string_view request_id);

/// For `HttpServerConfig::problem`: the listener's own faults by the same table.
server::HttpResponse listener_problem(const Error& error, std::string_view request_id,
                                      std::optional<int> status);

}  // namespace weir::dispatcher
