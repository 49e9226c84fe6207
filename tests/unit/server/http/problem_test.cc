// SPDX-License-Identifier: Apache-2.0
#include "server/http/problem.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace weir::server {
namespace {

using nlohmann::json;

const std::string kId = "7d444840-9dc0-41d1-b245-5ffdce74fad2";

json body_of(const HttpResponse& response) {
  EXPECT_EQ(response.content_type, "application/problem+json");
  return json::parse(response.body);
}

TEST(Problem, SaysWhatTheContractAsks) {
  const HttpResponse response =
      problem_response(base::not_found("unknown_sentinel", "no sentinel s1"), kId);
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(body_of(response), json::parse(R"({
    "type": "urn:weir:problem:unknown_sentinel", "title": "Unknown sentinel", "status": 404,
    "detail": "no sentinel s1", "instance": "urn:uuid:7d444840-9dc0-41d1-b245-5ffdce74fad2",
    "code": "unknown_sentinel"})"));
}

TEST(Problem, ListsTheFaultsOfADocument) {
  const Error error = base::invalid_argument("dag_shape", "2 faults")
                          .with_faults({{"dag_shape", "/nodes/0", "no object"},
                                        {"missing_field", "/nodes/1/code_hash", "is missing"}});
  const json body = body_of(problem_response(error, kId, 422));
  EXPECT_EQ(body["status"], 422);
  EXPECT_EQ(body["title"], "DAG shape");
  EXPECT_EQ(body["errors"], json::parse(R"([
    {"code": "dag_shape", "detail": "no object", "path": "/nodes/0"},
    {"code": "missing_field", "detail": "is missing", "path": "/nodes/1/code_hash"}])"));
}

TEST(Problem, TakesTheStatusOfTheTableOfCodes) {
  const std::pair<Code, int> cases[] = {
      {Code::InvalidArgument, 400}, {Code::Unauthenticated, 401},    {Code::PermissionDenied, 403},
      {Code::NotFound, 404},        {Code::FailedPrecondition, 409}, {Code::ResourceExhausted, 429},
      {Code::Unavailable, 503},     {Code::DeadlineExceeded, 504},   {Code::Internal, 500},
      {Code::DataLoss, 500},
  };
  for (const auto& [code, status] : cases) {
    const HttpResponse response = problem_response(Error(code, "word", "text"), kId);
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(body_of(response)["status"], status);
  }
}

TEST(Problem, AsksToRetryLaterWhereThatHelps) {
  for (const int status : {429, 503}) {
    const HttpResponse response = problem_response(base::not_found("w", "t"), kId, status);
    ASSERT_EQ(response.headers.size(), 1U);
    EXPECT_EQ(response.headers[0].name, "Retry-After");
    EXPECT_EQ(response.headers[0].value, "1");
  }
  EXPECT_TRUE(problem_response(base::not_found("w", "t"), kId).headers.empty());
}

TEST(Problem, KeepsTheInsideToItself) {
  for (const Code code : {Code::Internal, Code::Unknown, Code::DataLoss}) {
    const Error error =
        Error(code, "sql", "SELECT secret").with_faults({{"secret", "/", "secret"}});
    const HttpResponse response = problem_response(error, kId);
    EXPECT_EQ(body_of(response)["code"], "internal");
    EXPECT_THAT(response.body, testing::Not(testing::HasSubstr("secret")));
  }
}

TEST(Problem, IsJsonWhateverTheTextHolds) {
  const HttpResponse response =
      problem_response(base::not_found("w", "bytes \xff\xfe \"and\" \x01"), kId);
  EXPECT_EQ(body_of(response)["detail"], "bytes \xEF\xBF\xBD\xEF\xBF\xBD \"and\" \x01");
}

TEST(Problem, TitlesFollowFromTheCodeAlone) {
  EXPECT_EQ(problem_title("dag_not_json"), "DAG not JSON");
  EXPECT_EQ(problem_title("name_illegal"), "Name illegal");
  EXPECT_EQ(problem_title("missing_id"), "Missing ID");
  EXPECT_EQ(problem_title(""), "");
}

}  // namespace
}  // namespace weir::server
