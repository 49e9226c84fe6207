// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <thread>

#include "dispatcher/core/derived_ids.h"
#include "dispatcher/user_api/limits.h"
#include "tests/integration/dispatcher/seed.h"
#include "tests/integration/dispatcher_user_api/user_listener.h"

namespace weir::test {
namespace {

using nlohmann::json;

constexpr const char* kRuns = "/v1/dags/trades/jobs/ticks/runs";

std::string key(std::string_view text) { return "Idempotency-Key: " + std::string(text) + "\r\n"; }

TEST(UserRequests, OfUnknownPathsAndMethodsAreProblemsOfTheContract) {
  const UserListener listener;
  for (const char* target : {"/v1/worlds", "/v1/nothing", "/internal/task-claim", "/metrics",
                             "/v1/task/events", "/v1/dags/trades/rollback", "/"}) {
    expect_problem(listener.get(target, "admin-a"), 404, "not_found");
  }
  const Seen seen = listener.ask({.method = "DELETE", .target = "/v1/tasks"});
  expect_problem(seen, 405, "method_not_allowed");
  EXPECT_EQ(seen.field("allow"), "GET, HEAD");
}

TEST(UserRequests, AreCheckedInTheOrderOfTheContract) {
  const UserListener listener;
  // Shape before rights, rights before existence.
  expect_problem(listener.get("/v1/audit?what=1", "reader-a"), 400, "unknown_field");
  expect_problem(listener.post("/v1/dags/none/jobs/none/runs", "reader-a"), 403, "forbidden");
  expect_problem(listener.post("/v1/dags/none/jobs/none/runs", "writer-a"), 404, "not_found");
  expect_problem(listener.ask({.target = "/v1/audit?what=1"}), 401, "unauthenticated");
}

TEST(UserRequests, OfTooManyBytesAreRefused) {
  const UserListener listener;
  const std::string large(dispatcher::kDagBodyBytes + 1, ' ');
  for (const char* target : {"/v1/dags/validate", "/v1/dags/trades/versions"}) {
    expect_problem(listener.ask({.method = "POST",
                                 .target = target,
                                 .token = listener.token("writer-a"),
                                 .body = large,
                                 .type = "application/yaml"}),
                   413, "too_large");
  }
}

TEST(UserRequests, NameNothingByBytesThatAreNoText) {
  const UserListener listener;
  for (const char* target : {"/v1/dags/%00", "/v1/dags/%ff", "/v1/datasets/a%00b"}) {
    expect_problem(listener.get(target), 404, "not_found");
  }
  for (const char* body : {R"({"partition_key":"a\u0000"})", R"({"cursor":"\u0000"})",
                           R"({"payload":{"a":"\u0000"}})"}) {
    expect_problem(listener.post(kRuns, "writer-a", body), 400, "invalid_request");
  }
}

TEST(UserRequests, StartARunWithTheScopeThatTheyName) {
  UserListener listener;
  const Seen seen = listener.post(kRuns, "writer-a",
                                  R"({"partition_key":"0-9","start":0,"end":9,"payload":{"n":1}})");
  ASSERT_EQ(seen.status, 202) << seen.body;
  ASSERT_EQ(listener.tasks().runs().size(), 1U);
  const dispatcher::RunRequest run = listener.tasks().runs()[0];
  EXPECT_EQ(run.build_id.text(), id("20"));
  EXPECT_EQ(run.task_class, dispatcher::TaskClass::Manual);
  EXPECT_EQ(run.event.partition_key, "0-9");
  EXPECT_EQ(run.event.end, 9);
  EXPECT_EQ(run.event.payload_json, R"({"n":1})");
  EXPECT_EQ(seen.json().at("task_id"), run.run_id.text());
  EXPECT_TRUE(seen.json().at("event_id").is_string());
}

TEST(UserRequests, StartARunAtThisInstantWhereTheyNameNoScope) {
  UserListener listener;
  EXPECT_EQ(listener.post(kRuns, "writer-a").status, 202);
  EXPECT_EQ(listener.post(kRuns, "writer-a", R"({"cursor":"9007199254740993"})").status, 202);
  EXPECT_EQ(listener.post(kRuns, "writer-a", R"({"cursor":"00042"})").status, 202);
  const auto runs = listener.tasks().runs();
  ASSERT_EQ(runs.size(), 3U);
  EXPECT_GT(std::get<std::int64_t>(*runs[0].event.cursor), 1'700'000'000'000);
  EXPECT_EQ(runs[1].event.cursor, dispatcher::Cursor(std::int64_t{9007199254740993}));
  EXPECT_EQ(runs[2].event.cursor, dispatcher::Cursor(std::string("00042")));
  EXPECT_NE(runs[0].run_id, runs[1].run_id);
}

TEST(UserRequests, OfRunsAreClosedAndChecked) {
  UserListener listener;
  expect_problem(listener.post(kRuns, "writer-a", R"({"curser":1})"), 400, "unknown_field");
  for (const char* body :
       {"[]", "x", R"({"cursor":1,"partition_key":"a"})", R"({"start":1,"end":2})",
        R"({"partition_key":"a","start":1})", R"({"partition_key":"a","start":2,"end":1})",
        R"({"cursor":1.5})", R"({"payload":[]})", R"({"cursor":""})"}) {
    expect_problem(listener.post(kRuns, "writer-a", body), 400, "invalid_request");
  }
  expect_problem(listener.post("/v1/dags/trades/jobs/bars/runs", "writer-a"), 409, "not_supported");
  EXPECT_TRUE(listener.tasks().runs().empty());
}

TEST(UserRequests, TellWhyATaskRefuses) {
  UserListener listener;
  const std::string retry = "/v1/tasks/" + id("82") + "/retry";
  dispatcher::Refusal refusal = dispatcher::refuse(dispatcher::RefusalCode::TaskFinished);
  refusal.state = dispatcher::TaskState::Completed;
  listener.tasks().command_answer.refused = refusal;
  const Seen seen = listener.post(retry, "writer-a");
  expect_problem(seen, 409, "task_finished");
  EXPECT_EQ(seen.json().at("state"), "completed");
  listener.tasks().command_answer.refused =
      dispatcher::refuse(dispatcher::RefusalCode::TaskArchived);
  expect_problem(listener.post(retry, "writer-a"), 409, "task_archived");
  listener.tasks().failure = base::unavailable("unavailable", "host 10.1.2.3 is away");
  const Seen away = listener.post(retry, "writer-a");
  expect_problem(away, 503, "unavailable");
  EXPECT_EQ(away.field("retry-after"), "1");
  EXPECT_FALSE(away.body.contains("10.1.2.3"));
}

TEST(UserRequests, WithAKeyAreCarriedOutOnce) {
  UserListener listener;
  const Seen first = listener.post(kRuns, "writer-a", R"({"cursor":1})", key("k1"));
  const Seen again = listener.post(kRuns, "writer-a", R"({"cursor":1})", key("k1"));
  EXPECT_EQ(first.status, 202);
  EXPECT_EQ(again.status, 202);
  EXPECT_EQ(first.body, again.body);
  EXPECT_EQ(listener.tasks().runs().size(), 1U);
  const auto derived = dispatcher::manual_run_id(dispatcher::BuildId(*Uuid::parse(id("20"))), "k1");
  EXPECT_EQ(first.json().at("task_id"), derived.text());
  expect_problem(listener.post(kRuns, "writer-a", R"({"cursor":2})", key("k1")), 409,
                 "idempotency_conflict");
  // Another organisation's key is another key.
  EXPECT_EQ(listener.post(kRuns, "writer-b", R"({"cursor":2})", key("k1")).status, 202);
  EXPECT_EQ(listener.tasks().runs().size(), 2U);
}

TEST(UserRequests, WithAKeyAreDecidedAnewAfterARefusal) {
  UserListener listener;
  const std::string cancel = "/v1/tasks/" + id("82") + "/cancel";
  listener.tasks().command_answer.refused =
      dispatcher::refuse(dispatcher::RefusalCode::NotSupported);
  expect_problem(listener.post(cancel, "writer-a", "", key("k2")), 409, "not_supported");
  listener.tasks().command_answer.refused.reset();
  EXPECT_EQ(listener.post(cancel, "writer-a", "", key("k2")).status, 200);
  EXPECT_EQ(listener.tasks().commands().size(), 2U);
}

TEST(UserRequests, WithAKeyWaitForTheFirstOne) {
  UserListener listener;
  const std::string cancel = "/v1/tasks/" + id("82") + "/cancel";
  EXPECT_EQ(listener.post(cancel, "writer-a", "", key("k3")).status, 200);
  listener.plane().script("UPDATE state.idempotency_keys SET status = 0 WHERE key = 'k3'");
  expect_problem(listener.post(cancel, "writer-a", "", key("k3")), 503, "busy");
  // A holder that died lets go.
  listener.plane().script("UPDATE state.idempotency_keys SET expires_at = now() WHERE key = 'k3'");
  EXPECT_EQ(listener.post(cancel, "writer-a", "", key("k3")).status, 200);
  EXPECT_EQ(listener.tasks().commands().size(), 2U);
}

TEST(UserRequests, WithAKeyAtTheSameTimeHaveOneEffect) {
  UserListener listener;
  std::array<Seen, 4> seen;
  {
    std::vector<std::jthread> threads;
    for (Seen& one : seen) {
      threads.emplace_back([&one, &listener] {
        one = listener.post(kRuns, "writer-a", R"({"cursor":1})", key("together"));
      });
    }
  }
  EXPECT_EQ(listener.tasks().runs().size(), 1U);
  for (const Seen& one : seen) {
    EXPECT_TRUE(one.status == 202 || one.code() == "busy") << one.status << one.body;
  }
}

TEST(UserRequests, RefuseKeysThatAreNone) {
  const UserListener listener;
  for (const std::string& bad :
       {std::string("a b"), std::string("\xc3\xa9"), std::string(256, 'x')}) {
    expect_problem(listener.post(kRuns, "writer-a", "{}", key(bad)), 400, "invalid_request");
  }
}

TEST(UserRequests, AreLimitedByUserAndByOrganisation) {
  const UserListener listener({.user_requests_a_minute = 3, .org_requests_a_minute = 5});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(listener.get("/v1/dags", "reader-a").status, 200);
  const Seen user = listener.get("/v1/dags", "reader-a");
  expect_problem(user, 429, "rate_limited");
  EXPECT_EQ(user.field("retry-after"), "20");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(listener.get("/v1/dags", "writer-a").status, 200);
  expect_problem(listener.get("/v1/dags", "writer-a"), 429, "rate_limited");
  EXPECT_EQ(listener.get("/v1/dags", "reader-b").status, 200);
}

TEST(UserRequests, AskForHealthWithoutAToken) {
  UserListener listener;
  EXPECT_EQ(listener.ask({.target = "/healthz"}).status, 200);
  EXPECT_EQ(listener.ask({.target = "/readyz"}).status, 200);
  listener.set_ready(base::unavailable("not_serving", "draining"));
  expect_problem(listener.ask({.target = "/readyz"}), 503, "unavailable");
}

TEST(UserRequests, DeployADagThatIsThenRead) {
  UserListener listener;
  const std::string yaml = R"(name: demo
jobs:
  - {name: go, activation: source, runtime: dispatcher, operator: trigger_manual, outputs: 1,
     source: {kind: manual}}
  - {name: relay, activation: reactive, runtime: dispatcher, operator: noop, outputs: 1,
     inputs: [{from: {job: go, output: 0}}], execution_strategy: PerUpdate,
     update_strategy: replace}
publish:
  demo_relay: {from: {job: relay, output: 0}}
)";
  const Ask deploy = {.method = "POST",
                      .target = "/v1/dags/demo/versions",
                      .token = listener.token("writer-a"),
                      .body = yaml,
                      .type = "application/yaml"};
  const Seen made = listener.ask(deploy);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.json().at("created"), true);
  const Seen again = listener.ask(deploy);
  EXPECT_EQ(again.status, 200) << again.body;
  EXPECT_EQ(again.json().at("dag_version_id"), made.json().at("dag_version_id"));

  const json dag = listener.get("/v1/dags/demo").json();
  EXPECT_EQ(dag.at("dag_version_id"), made.json().at("dag_version_id"));
  const std::string version = dag.at("dag_version_id").get<std::string>();
  EXPECT_EQ(listener.get("/v1/dags/demo/versions/" + version).json().at("yaml"), yaml);
  EXPECT_EQ(listener.get("/v1/dags/demo/graph").json().at("nodes").size(), 2U);
  EXPECT_EQ(listener.get("/v1/datasets/demo_relay").json().at("kind"), "events");
  const json told = made.json().at("deploy");
  const json read =
      listener.get("/v1/dags/demo/deploys/" + told.at("deploy_id").get<std::string>()).json();
  for (const auto& [member, value] : told.items()) EXPECT_EQ(read.at(member), value) << member;
  EXPECT_EQ(listener.post("/v1/dags/demo/jobs/go/runs", "writer-a").status, 202);

  const Seen validated = listener.ask({.method = "POST",
                                       .target = "/v1/dags/validate?dag=demo",
                                       .token = listener.token("writer-a"),
                                       .body = yaml,
                                       .type = "application/yaml"});
  EXPECT_EQ(validated.status, 200) << validated.body;
  EXPECT_EQ(validated.json().at("valid"), true);
}

TEST(UserRequests, ShowEveryFaultOfADag) {
  const UserListener listener;
  const Seen seen = listener.ask({.method = "POST",
                                  .target = "/v1/dags/validate",
                                  .token = listener.token("writer-a"),
                                  .body = "name: x\njobs: []\nkind: y\n",
                                  .type = "application/yaml"});
  expect_problem(seen, 422, "dag_invalid");
  ASSERT_GE(seen.json().at("errors").size(), 2U);
  for (const json& fault : seen.json().at("errors")) {
    EXPECT_TRUE(fault.contains("code") && fault.contains("detail") && fault.contains("line") &&
                fault.contains("column") && fault.contains("path"));
  }
  EXPECT_TRUE(seen.json().at("warnings").is_array());
}

}  // namespace
}  // namespace weir::test
