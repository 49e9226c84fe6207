// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/wire/problems.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/json_dump.h"
#include "server/http/problem.h"
#include "server/limits.h"

namespace weir::dispatcher {
namespace {

using nlohmann::ordered_json;

/// `switch_not_available`: a build of Weir that cannot yet switch between two versions says so.
constexpr std::array kCodes = {
    ProblemCode{"invalid_request", 400},
    ProblemCode{"unknown_field", 400},
    ProblemCode{"cursor_type_mismatch", 400},
    ProblemCode{"scope_required", 400},
    ProblemCode{"duplicate_scope", 400},
    ProblemCode{"duplicate_item", 400},
    ProblemCode{"buffered_output", 400},
    ProblemCode{"lifecycle_only", 400},
    ProblemCode{"sql_rejected", 400},
    ProblemCode{"invalid_event_id", 400},
    ProblemCode{"unauthenticated", 401},
    ProblemCode{"worker_token_invalid", 401},
    ProblemCode{"capability_invalid", 401},
    ProblemCode{"signature_invalid", 401},
    ProblemCode{"forbidden", 403},
    ProblemCode{"not_a_member", 403},
    ProblemCode{"capability_mismatch", 403},
    ProblemCode{"output_not_owned", 403},
    ProblemCode{"prefix_denied", 403},
    ProblemCode{"dataset_not_granted", 403},
    ProblemCode{"effects_forbidden", 403},
    ProblemCode{"udf_forbidden", 403},
    ProblemCode{"not_found", 404},
    ProblemCode{"task_not_found", 404},
    ProblemCode{"method_not_allowed", 405},
    ProblemCode{"query_timeout", 408},
    ProblemCode{"not_claimed", 409},
    ProblemCode{"stale_attempt", 409},
    ProblemCode{"lease_mismatch", 409},
    ProblemCode{"lease_expired", 409},
    ProblemCode{"task_finished", 409},
    ProblemCode{"task_canceled", 409},
    ProblemCode{"task_archived", 409},
    ProblemCode{"event_missing", 409},
    ProblemCode{"version_mismatch", 409},
    ProblemCode{"revision_conflict", 409},
    ProblemCode{"manifest_conflict", 409},
    ProblemCode{"publish_conflict", 409},
    ProblemCode{"idempotency_conflict", 409},
    ProblemCode{"not_supported", 409},
    ProblemCode{"dataset_owned", 409},
    ProblemCode{"webhook_path_owned", 409},
    ProblemCode{"generation_mismatch", 409},
    ProblemCode{"no_previous", 409},
    ProblemCode{"version_purged", 409},
    ProblemCode{"version_in_use", 409},
    ProblemCode{"not_ready", 409},
    ProblemCode{"deploy_finished", 409},
    ProblemCode{"plan_stale", 409},
    ProblemCode{"world_limit", 409},
    ProblemCode{"world_reserved", 409},
    ProblemCode{"upload_missing", 409},
    ProblemCode{"switch_not_available", 409},
    ProblemCode{"too_large", 413},
    ProblemCode{"result_too_large", 413},
    ProblemCode{"dag_invalid", 422},
    ProblemCode{"plan_invalid", 422},
    ProblemCode{"keep_not_allowed", 422},
    ProblemCode{"commit_incomplete", 422},
    ProblemCode{"manifest_invalid", 422},
    ProblemCode{"rows_invalid", 422},
    ProblemCode{"bundle_invalid", 422},
    ProblemCode{"ambiguous_grant", 422},
    ProblemCode{"rate_limited", 429},
    ProblemCode{"backpressure", 429},
    ProblemCode{"internal", 500},
    ProblemCode{"unavailable", 503},
    ProblemCode{"busy", 503},
    ProblemCode{"pin_lost", 503},
    ProblemCode{"too_many_subscribers", 503},
};

/// Reasons of the floors below whose kind of failure does not tell the code.
struct Alias {
  std::string_view reason;
  std::string_view code;
};
constexpr std::array kAliases = {
    Alias{"body_too_large", "too_large"},
    Alias{"headers_too_large", "too_large"},
    Alias{"transfer_encoding_unsupported", "invalid_request"},
    Alias{"method_not_allowed", "method_not_allowed"},
    Alias{"overloaded", "busy"},
    Alias{"postgres_pool_exhausted", "busy"},
    Alias{"transaction_conflict", "unavailable"},
    Alias{"serialization", "unavailable"},
    Alias{"transaction_aborted", "unavailable"},
};

/// What a failure is that names no code of the contract.
std::string_view code_of_kind(Code kind) {
  switch (kind) {
    case Code::InvalidArgument:
    case Code::OutOfRange:
      return "invalid_request";
    case Code::Unauthenticated:
      return "unauthenticated";
    case Code::PermissionDenied:
      return "forbidden";
    case Code::NotFound:
      return "not_found";
    case Code::Unimplemented:
      return "not_supported";
    case Code::ResourceExhausted:
      return "busy";
    case Code::Unavailable:
    case Code::DeadlineExceeded:
    case Code::Cancelled:
      return "unavailable";
    default:
      return "internal";
  }
}

bool is_inside(Code kind) {
  return kind == Code::Internal || kind == Code::Unknown || kind == Code::DataLoss;
}

const ProblemCode* find_code(std::string_view code) {
  const auto* const found = std::ranges::find(kCodes, code, &ProblemCode::code);
  return found == kCodes.end() ? nullptr : found;
}

/// What people are told. Failures of what stands below may name hosts and paths: their words stay
/// in the log.
std::string detail_of(const Error& error, const ProblemCode& shown) {
  if (shown.code == "internal") return "The server failed inside; its log says more.";
  if (shown.code == "unavailable") return "Something that this needs does not answer; try again.";
  if (shown.code == "busy") return "Too much is asked at once; try again.";
  return error.message();
}

ordered_json fault_list(const Error& error) {
  auto list = ordered_json::array();
  for (const Fault& fault : error.faults()) {
    list.push_back({{"code", fault.reason}, {"detail", fault.text}, {"path", fault.path}});
  }
  return list;
}

server::HttpResponse response_of(const ordered_json& problem,
                                 std::optional<std::chrono::seconds> retry_after) {
  server::HttpResponse response;
  response.status = problem.at("status").get<int>();
  response.content_type = "application/problem+json";
  response.body = base::dump_json(problem);
  if (response.status == 429 || response.status == 503) {
    const auto seconds = retry_after.value_or(server::kRetryAfter);
    response.headers.push_back({"Retry-After", std::to_string(seconds.count())});
  }
  return response;
}

}  // namespace

std::span<const ProblemCode> problem_codes() { return kCodes; }

std::optional<int> problem_status(std::string_view code) {
  const ProblemCode* found = find_code(code);
  return found == nullptr ? std::nullopt : std::optional(found->status);
}

ProblemCode problem_code(const Error& error) {
  std::string_view code = error.reason();
  const auto* const alias = std::ranges::find(kAliases, code, &Alias::reason);
  if (alias != kAliases.end()) code = alias->code;
  const ProblemCode* known = is_inside(error.code()) ? nullptr : find_code(code);
  return known != nullptr ? *known : *find_code(code_of_kind(error.code()));
}

ordered_json problem_json(const Error& error, std::string_view request_id,
                          const ProblemExtras& extras) {
  const ProblemCode shown = problem_code(error);
  ordered_json problem = {
      {"type", "urn:weir:problem:" + std::string(shown.code)},
      {"title", server::problem_title(shown.code)},
      {"status", shown.status},
      {"detail", detail_of(error, shown)},
      {"instance", "urn:uuid:" + std::string(request_id)},
      {"code", shown.code},
  };
  if (!error.faults().empty() && shown.status < 500) problem["errors"] = fault_list(error);
  if (extras.members != nullptr) problem.update(*extras.members);
  return problem;
}

ordered_json problem_json(const Refusal& refusal, std::string_view request_id) {
  ordered_json members = ordered_json::object();
  if (refusal.reason) members["reason"] = word(*refusal.reason);
  if (refusal.retry_after) {
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*refusal.retry_after);
    members["retry_after_ms"] = wait.count();
  }
  if (refusal.state) members["state"] = word(*refusal.state);
  if (refusal.cancel_reason) members["cancel_reason"] = word(*refusal.cancel_reason);
  return problem_json(refusal_error(refusal), request_id, {.members = &members});
}

server::HttpResponse problem_response(const Error& error, std::string_view request_id,
                                      const ProblemExtras& extras) {
  return response_of(problem_json(error, request_id, extras), extras.retry_after);
}

server::HttpResponse problem_response(const Refusal& refusal, std::string_view request_id) {
  return response_of(problem_json(refusal, request_id), {});
}

server::HttpResponse listener_problem(const Error& error, std::string_view request_id,
                                      std::optional<int> /*status: the table's*/) {
  return problem_response(error, request_id);
}

}  // namespace weir::dispatcher
