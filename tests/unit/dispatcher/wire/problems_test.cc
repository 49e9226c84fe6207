// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/wire/problems.h"

#include <gmock/gmock.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace weir::dispatcher {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kId = "01970000-0000-7000-8000-000000000001";

/// Section 3.7 as the contract prints it, and the one code that goes with a later part of it.
const std::map<int, std::set<std::string>>& contract() {
  static const std::map<int, std::set<std::string>> codes = {
      {400,
       {"invalid_request", "unknown_field", "cursor_type_mismatch", "scope_required",
        "duplicate_scope", "duplicate_item", "buffered_output", "lifecycle_only", "sql_rejected",
        "invalid_event_id"}},
      {401, {"unauthenticated", "worker_token_invalid", "capability_invalid", "signature_invalid"}},
      {403,
       {"forbidden", "not_a_member", "capability_mismatch", "output_not_owned", "prefix_denied",
        "dataset_not_granted", "effects_forbidden", "udf_forbidden"}},
      {404, {"not_found", "task_not_found"}},
      {405, {"method_not_allowed"}},
      {408, {"query_timeout"}},
      {409, {"not_claimed",          "stale_attempt",       "lease_mismatch",
             "lease_expired",        "task_finished",       "task_canceled",
             "task_archived",        "event_missing",       "version_mismatch",
             "revision_conflict",    "manifest_conflict",   "publish_conflict",
             "idempotency_conflict", "not_supported",       "dataset_owned",
             "webhook_path_owned",   "generation_mismatch", "no_previous",
             "version_purged",       "version_in_use",      "not_ready",
             "deploy_finished",      "plan_stale",          "world_limit",
             "world_reserved",       "upload_missing",      "switch_not_available"}},
      {413, {"too_large", "result_too_large"}},
      {422,
       {"dag_invalid", "plan_invalid", "keep_not_allowed", "commit_incomplete", "manifest_invalid",
        "rows_invalid", "bundle_invalid", "ambiguous_grant"}},
      {429, {"rate_limited", "backpressure"}},
      {500, {"internal"}},
      {503, {"unavailable", "busy", "pin_lost", "too_many_subscribers"}}};
  return codes;
}

/// What every problem has (section 0).
void expect_problem(const server::HttpResponse& response, int status, const std::string& code) {
  EXPECT_EQ(response.status, status) << code;
  EXPECT_EQ(response.content_type, "application/problem+json");
  const json body = json::parse(response.body);
  EXPECT_EQ(body.at("type"), "urn:weir:problem:" + code);
  EXPECT_EQ(body.at("code"), code);
  EXPECT_EQ(body.at("status"), status);
  EXPECT_FALSE(body.at("title").get<std::string>().empty());
  EXPECT_FALSE(body.at("detail").get<std::string>().empty());
  EXPECT_EQ(body.at("instance"), "urn:uuid:" + std::string(kId));
}

std::string retry_after(const server::HttpResponse& response) {
  for (const server::HttpHeader& header : response.headers) {
    if (header.name == "Retry-After") return header.value;
  }
  return "(none)";
}

TEST(Problems, HaveExactlyTheCodesOfTheContractWithTheirStatuses) {
  std::size_t listed = 0;
  for (const auto& [status, codes] : contract()) {
    for (const std::string& code : codes) {
      EXPECT_EQ(problem_status(code), status) << code;
      ++listed;
    }
  }
  EXPECT_EQ(problem_codes().size(), listed);
  EXPECT_EQ(problem_status("no_such_code"), std::nullopt);
}

TEST(Problems, AreWordedForEveryCodeOfTheContract) {
  for (const ProblemCode& row : problem_codes()) {
    // The kind of failure says nothing where the contract has the reason.
    const Error error(Code::FailedPrecondition, std::string(row.code), "for people");
    const server::HttpResponse response = problem_response(error, kId);
    expect_problem(response, row.status, std::string(row.code));
    EXPECT_EQ(retry_after(response), row.status == 429 || row.status == 503 ? "1" : "(none)");
  }
}

TEST(Problems, TakeTheCodeOfTheKindWhereTheContractLacksTheReason) {
  const std::map<Code, std::string> expected = {{Code::InvalidArgument, "invalid_request"},
                                                {Code::OutOfRange, "invalid_request"},
                                                {Code::Unauthenticated, "unauthenticated"},
                                                {Code::PermissionDenied, "forbidden"},
                                                {Code::NotFound, "not_found"},
                                                {Code::Unimplemented, "not_supported"},
                                                {Code::ResourceExhausted, "busy"},
                                                {Code::Unavailable, "unavailable"},
                                                {Code::DeadlineExceeded, "unavailable"},
                                                {Code::Cancelled, "unavailable"},
                                                {Code::Aborted, "internal"},
                                                {Code::AlreadyExists, "internal"},
                                                {Code::FailedPrecondition, "internal"},
                                                {Code::Internal, "internal"},
                                                {Code::Unknown, "internal"},
                                                {Code::DataLoss, "internal"}};
  for (const auto& [kind, code] : expected) {
    EXPECT_EQ(problem_code(Error(kind, "some_reason", "")).code, code);
  }
}

TEST(Problems, NeverShowAnInsideFailureAsAnotherCode) {
  EXPECT_EQ(problem_code(Error(Code::Internal, "not_found", "")).code, "internal");
}

TEST(Problems, WordWhatTheListenerItselfRefuses) {
  const std::map<std::string, std::pair<Code, std::string>> faults = {
      {"malformed_request", {Code::InvalidArgument, "invalid_request"}},
      {"no_such_route", {Code::NotFound, "not_found"}},
      {"method_not_allowed", {Code::Unimplemented, "method_not_allowed"}},
      {"body_too_large", {Code::ResourceExhausted, "too_large"}},
      {"headers_too_large", {Code::InvalidArgument, "too_large"}},
      {"transfer_encoding_unsupported", {Code::Unimplemented, "invalid_request"}},
      {"overloaded", {Code::Unavailable, "busy"}},
      {"draining", {Code::Unavailable, "unavailable"}}};
  for (const auto& [reason, expected] : faults) {
    const auto response = listener_problem(Error(expected.first, reason, "why"), kId, 501);
    expect_problem(response, *problem_status(expected.second), expected.second);
  }
}

TEST(Problems, TellNothingOfWhatStandsBelow) {
  const std::string secret = "connection to host 10.1.2.3 as weir, SELECT * FROM state.users";
  for (const Error& error :
       {base::internal(secret), base::unavailable("postgres_unavailable", secret),
        base::unavailable("unavailable", secret), base::unavailable("commit_unknown", secret),
        Error(Code::ResourceExhausted, "postgres_pool_exhausted", secret),
        Error(Code::Aborted, "serialization", secret),
        Error(Code::AlreadyExists, "unique_violation", secret)
            .with_faults({{"x", "/y", secret}})}) {
    const server::HttpResponse response = problem_response(error, kId);
    EXPECT_THAT(response.body, Not(HasSubstr("10.1.2.3"))) << error.reason();
    EXPECT_GE(response.status, 500);
  }
}

TEST(Problems, ListTheFaultsOfAnError) {
  const Error error = base::invalid_argument("invalid_request", "two things are wrong")
                          .with_faults({{"unknown_field", "a", "a is not known"},
                                        {"invalid_request", "b", "b is no number"}});
  const json body = json::parse(problem_response(error, kId).body);
  EXPECT_EQ(body.at("errors"),
            json::parse(R"([{"code":"unknown_field","detail":"a is not known","path":"a"},
                            {"code":"invalid_request","detail":"b is no number","path":"b"}])"));
}

TEST(Problems, HaveTheMembersThatARouteNames) {
  const nlohmann::ordered_json members = {{"difference", {{"path", "base"}}}};
  const Error error = base::failed_precondition("plan_stale", "the plan is old");
  const auto response = problem_response(error, kId, {.members = &members, .retry_after = {}});
  expect_problem(response, 409, "plan_stale");
  EXPECT_EQ(json::parse(response.body).at("difference").at("path"), "base");
}

TEST(Problems, SayWhenToComeBack) {
  const Error error(Code::ResourceExhausted, "rate_limited", "slowly");
  EXPECT_EQ(retry_after(problem_response(error, kId, {.retry_after = std::chrono::seconds(37)})),
            "37");
}

TEST(Problems, ReplaceBytesThatAreNoText) {
  const auto response = problem_response(base::not_found("not_found", "no \xff here"), kId);
  EXPECT_EQ(json::parse(response.body).at("detail"), "no \xEF\xBF\xBD here");
}

TEST(Problems, CarryWhatARefusalSays) {
  Refusal refusal = not_claimed(NotClaimedReason::NotDue, std::chrono::microseconds(1500));
  json body = json::parse(problem_response(refusal, kId).body);
  EXPECT_EQ(body.at("code"), "not_claimed");
  EXPECT_EQ(body.at("reason"), "not_due");
  EXPECT_EQ(body.at("retry_after_ms"), 2);
  refusal = refuse(RefusalCode::TaskFinished);
  refusal.state = TaskState::Completed;
  body = json::parse(problem_response(refusal, kId).body);
  EXPECT_EQ(body.at("state"), "completed");
  refusal = refuse(RefusalCode::TaskCanceled);
  refusal.cancel_reason = CancelReason::Rollback;
  body = json::parse(problem_response(refusal, kId).body);
  EXPECT_EQ(body.at("cancel_reason"), "rollback");
  EXPECT_EQ(body.at("status"), 409);
  expect_problem(problem_response(refuse(RefusalCode::TaskNotFound), kId), 404, "task_not_found");
}

TEST(Problems, KnowEveryCodeThatATaskCanBeRefusedWith) {
  for (int code = 0; code <= static_cast<int>(RefusalCode::NotSupported); ++code) {
    const auto refusal = static_cast<RefusalCode>(code);
    EXPECT_EQ(problem_status(word(refusal)), http_status(refusal)) << word(refusal);
  }
}

}  // namespace
}  // namespace weir::dispatcher
