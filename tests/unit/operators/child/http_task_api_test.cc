// SPDX-License-Identifier: Apache-2.0
#include "operators/child/http_task_api.h"

#include <gtest/gtest.h>

#include "tests/unit/operators/child/bench.h"
#include "tests/unit/operators/child/scripted_server.h"

namespace weir::operators {
namespace {

using test::Answered;
using test::Asked;
using test::reason_of;

class HttpTaskApiTest : public test::OperatorBench {
 protected:
  void serve(test::ScriptedServer::Script script) {
    server_ = std::make_unique<test::ScriptedServer>((folder_ / "s").string(), std::move(script));
    client_ = *HttpTaskApi::open(server_->endpoint(), clock_);
  }
  static Answered problem(int status, const std::string& code) {
    return {.status = status, .body = R"({"code":")" + code + R"(","detail":"why"})"};
  }

  std::unique_ptr<test::ScriptedServer> server_;
  std::unique_ptr<HttpTaskApi> client_;
};

TEST_F(HttpTaskApiTest, EmitsAndReadsTheAnswer) {
  serve([](const Asked&) {
    return Answered{.body = R"({"results":[{"index":0,"event_id":)"
                            R"("0190f2b2-0000-7000-8000-000000000001","dataset_uuid":"u",)"
                            R"("seq":7,"duplicate":true}],"state_revision":3})"};
  });
  const auto answer = client_->emit({.events = {{.cursor = Cursor(std::int64_t{5})}}});
  ASSERT_TRUE(answer.ok()) << answer.error().describe();
  EXPECT_EQ(answer->events.at(0).seq, 7);
  EXPECT_TRUE(answer->events.at(0).duplicate);
  EXPECT_EQ(answer->state_revision, 3);
  const auto asked = server_->asked().at(0);
  EXPECT_EQ(asked.method + " " + asked.target, "POST /v1/task/events");
  EXPECT_EQ(asked.body, R"({"events":[{"output":0,"cursor":5}]})");
}

TEST_F(HttpTaskApiTest, TriesAgainWhereNothingIsKnownAndSendsTheWholeBody) {
  int calls = 0;
  serve([&](const Asked&) {
    ++calls;
    if (calls == 1) return Answered{.status = 0};
    if (calls == 2) return problem(503, "unavailable");
    return Answered{.body = R"({"rows":2,"applied":false})"};
  });
  storage::TextSource rows("{\"a\":1}\n{\"a\":2}\n");
  const auto written = client_->put_rows({.partition_key = "a b&c"}, RowsFormat::JsonLines, rows);
  ASSERT_TRUE(written.ok()) << written.error().describe();
  EXPECT_EQ(written->rows, 2);
  EXPECT_FALSE(written->applied);
  const auto asked = server_->asked();
  ASSERT_EQ(asked.size(), 3U);
  EXPECT_EQ(asked[2].target, "/v1/task/rows?output=0&partition_key=a%20b%26c");
  EXPECT_EQ(asked[2].body, "{\"a\":1}\n{\"a\":2}\n");
}

TEST_F(HttpTaskApiTest, GivesUpAfterItsTries) {
  serve([](const Asked&) { return problem(503, "unavailable"); });
  EXPECT_EQ(reason_of(client_->operator_state("default")), "unavailable");
  EXPECT_EQ(server_->asked().size(), 5U);
}

TEST_F(HttpTaskApiTest, TellsProblemsApart) {
  EXPECT_EQ(problem_error(409, R"({"code":"stale_attempt"})").code(), Code::Aborted);
  EXPECT_EQ(problem_error(404, R"({"code":"not_found"})").code(), Code::NotFound);
  EXPECT_EQ(problem_error(422, R"({"code":"rows_invalid"})").code(), Code::FailedPrecondition);
  EXPECT_EQ(problem_error(422, R"({"code":"commit_incomplete"})").code(), Code::Unavailable);
  EXPECT_EQ(problem_error(429, "").code(), Code::Unavailable);
  EXPECT_EQ(problem_error(403, R"({"code":"prefix_denied"})").code(), Code::PermissionDenied);
  EXPECT_EQ(problem_error(400, "no json").reason(), "http_400");
}

TEST_F(HttpTaskApiTest, StreamsRowsToTheirSink) {
  serve([](const Asked&) { return Answered{.body = "line\n"}; });
  std::string got;
  ASSERT_TRUE(client_
                  ->get_rows({.relation = "source", .cursor_column = "c", .start = -1, .end = 9},
                             RowsFormat::JsonLines,
                             [&](std::string_view bytes) {
                               got += bytes;
                               return Result<void>();
                             })
                  .ok());
  EXPECT_EQ(got, "line\n");
  EXPECT_EQ(server_->asked().at(0).target,
            "/v1/task/rows?relation=source&cursor_column=c&start=-1&end=9");
  EXPECT_NE(server_->asked().at(0).head.find("application/jsonl"), std::string::npos);
}

TEST_F(HttpTaskApiTest, HearsWhatAHeartbeatAnswers) {
  serve([](const Asked&) { return Answered{.body = R"({"status":"canceled","paused":true})"}; });
  const auto heard = client_->heartbeat({.fraction = 0.5, .message = "half"});
  ASSERT_TRUE(heard.ok());
  EXPECT_TRUE(heard->canceled);
  EXPECT_TRUE(heard->paused);
  EXPECT_EQ(server_->asked().at(0).body, R"({"progress":{"fraction":0.500000,"message":"half"}})");
}

}  // namespace
}  // namespace weir::operators
