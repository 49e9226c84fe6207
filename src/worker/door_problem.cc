// SPDX-License-Identifier: Apache-2.0
#include "worker/door_problem.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "server/http/problem.h"

namespace weir::worker {
namespace {

struct CodeStatus {
  std::string_view code;
  int status;
};

constexpr std::array<CodeStatus, 17> kStatuses = {{
    {"invalid_request", 400},
    {"scope_required", 400},
    {"malformed_request", 400},
    {"forbidden", 403},
    {"capability_mismatch", 403},
    {"output_not_owned", 403},
    {"prefix_denied", 403},
    {"dataset_not_granted", 403},
    {"udf_forbidden", 403},
    {"not_found", 404},
    {"not_supported", 409},
    {"idempotency_conflict", 409},
    {"too_large", 413},
    {"rows_invalid", 422},
    {"unique_key_conflict", 422},
    {"rate_limited", 429},
    {"unavailable", 503},
}};

constexpr std::string_view kLinePath = "line:";

}  // namespace

Error refusal(std::string code, std::string message) {
  return {Code::FailedPrecondition, std::move(code), std::move(message)};
}

server::HttpResponse door_problem(const Error& error, std::string_view request_id) {
  const auto known = std::ranges::find(kStatuses, error.reason(), &CodeStatus::code);
  if (known == kStatuses.end()) {
    return server::problem_response(
        base::unavailable("unavailable", "something the worker needs is down: try again"),
        request_id, 503);
  }
  server::HttpResponse response = server::problem_response(error, request_id, known->status);
  if (error.faults().empty() || !error.faults().front().path.starts_with(kLinePath))
    return response;
  const std::string_view number =
      std::string_view(error.faults().front().path).substr(kLinePath.size());
  std::uint64_t line = 0;
  std::from_chars(number.data(), number.data() + number.size(), line);
  nlohmann::ordered_json body = nlohmann::ordered_json::parse(response.body);
  body["line"] = line;
  response.body = body.dump();
  return response;
}

}  // namespace weir::worker
