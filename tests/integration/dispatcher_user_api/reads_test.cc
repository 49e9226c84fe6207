// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "dispatcher/ports/registry/registry_sql.h"
#include "dispatcher/ports/registry/registry_sql_text.h"
#include "tests/integration/dispatcher/seed.h"
#include "tests/integration/dispatcher_user_api/user_listener.h"

namespace weir::test {
namespace {

using nlohmann::json;
using testing::ElementsAre;

std::vector<std::string> texts(const std::vector<json>& items, const char* member) {
  std::vector<std::string> found;
  for (const json& item : items) found.push_back(item.at(member).get<std::string>());
  return found;
}

/// An instant of the wire (section 0).
void expect_instant(const json& value) {
  ASSERT_TRUE(value.is_string()) << value;
  EXPECT_THAT(
      value.get<std::string>(),
      testing::MatchesRegex(R"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z)"));
}

TEST(UserReads, TellOfADag) {
  const UserListener listener;
  const json dag = listener.get("/v1/dags/trades").json();
  EXPECT_EQ(dag.at("dag"), "trades");
  EXPECT_EQ(dag.at("dag_version_id"), id("10"));
  EXPECT_EQ(dag.at("version_no"), 1);
  EXPECT_EQ(dag.at("generation"), 1);
  EXPECT_EQ(dag.at("tasks"), json::parse(R"({"queued":2,"running":1,"retry_wait":1,"failed":0})"));
  EXPECT_EQ(dag.at("jobs").size(), 2U);
  EXPECT_THAT(dag.at("datasets"), ElementsAre("a/bars"));
  expect_instant(dag.at("activated_at"));
  const json item = listener.get("/v1/dags").json().at("items").at(0);
  for (const auto& [key, value] : item.items()) EXPECT_EQ(dag.at(key), value) << key;
}

TEST(UserReads, TellOfAVersionWithItsText) {
  const UserListener listener;
  const json version = listener.get("/v1/dags/trades/versions/" + id("10")).json();
  EXPECT_EQ(version.at("yaml"), "name: trades");
  EXPECT_EQ(version.at("state"), "active");
  const json item = listener.get("/v1/dags/trades/versions").json().at("items").at(0);
  EXPECT_FALSE(item.contains("yaml"));
  EXPECT_EQ(item.at("dag_version_id"), id("10"));
}

TEST(UserReads, DeriveTheStateOfAVersion) {
  UserListener listener;
  listener.plane().script(seeded(Org::A, R"sql(
INSERT INTO state.dag_versions (dag_version_id, org_id, dag_name, version_no, yaml_hash,
                                registry_hash, yaml_text, canonical)
  SELECT ('a0000000-0000-4000-8000-0000000000' || (10 + n))::uuid, {01}, 'trades', 1 + n,
         'blake3:' || repeat(n::text, 64), 'blake3:' || repeat('1', 64), 'name: trades', '{}'
    FROM generate_series(1, 3) n;
INSERT INTO state.pointer_sets (pointer_set_id, dag_version_id, set_no)
  VALUES ({31}, {11}, 1), ({32}, {12}, 1);
UPDATE state.dag_current_versions SET previous_pointer_set_id = {31} WHERE org_id = {01};
INSERT INTO state.deploys (deploy_id, org_id, dag_name, kind, to_pointer_set_id, state, activate,
                           plan) VALUES ({61}, {01}, 'trades', 'deploy', {32}, 'building', 'auto',
        '[{"job":"bars","action":"build","reason":"config"},{"job":"ticks","action":"reuse"}]');
)sql"));
  const auto versions = listener.pages("/v1/dags/trades/versions", 2);
  EXPECT_THAT(texts(versions, "state"), ElementsAre("stored", "building", "previous", "active"));
  listener.plane().script("UPDATE state.deploys SET state = 'ready' WHERE state = 'building'");
  EXPECT_EQ(listener.get("/v1/dags/trades/versions/" + id("12")).json().at("state"), "ready");
  EXPECT_EQ(listener.get("/v1/dags/trades").json().at("deploy").at("state"), "ready");
  EXPECT_EQ(listener.get("/v1/dags/trades/graph?pointer_set=candidate").json().at("pointer_set_id"),
            id("32"));
  EXPECT_EQ(listener.get("/v1/dags/trades/graph?pointer_set=previous").json().at("pointer_set_id"),
            id("31"));
}

TEST(UserReads, TellOfADeploy) {
  const UserListener listener;
  const json deploy = listener.get("/v1/dags/trades/deploys/" + id("60")).json();
  EXPECT_EQ(deploy.at("state"), "active");
  EXPECT_TRUE(deploy.at("from").is_null());
  EXPECT_EQ(deploy.at("to"), id("10"));
  EXPECT_EQ(deploy.at("plan"), json::array());
  EXPECT_EQ(deploy.at("progress").at("builds_total"), 0);
  EXPECT_EQ(deploy.at("checks").at(0).at("state"), "passed");
  expect_instant(deploy.at("created_at"));
  EXPECT_EQ(listener.get("/v1/dags/trades/deploys").json().at("items").at(0), deploy);
}

TEST(UserReads, DrawTheGraphWithCountersAndOutputs) {
  const UserListener listener;
  const json graph = listener.get("/v1/dags/trades/graph").json();
  EXPECT_EQ(graph.at("pointer_set_id"), id("30"));
  ASSERT_EQ(graph.at("nodes").size(), 2U);
  const json& bars = graph.at("nodes").at(0);
  EXPECT_EQ(bars.at("job"), "bars");
  EXPECT_EQ(bars.at("build_id"), id("21"));
  EXPECT_EQ(bars.at("dispatch"), "open");
  EXPECT_EQ(bars.at("counts"), json::parse(R"({"queued":2,"running":1,"retry_wait":1,
                                               "completed":0,"failed":0,"canceled":0})"));
  EXPECT_EQ(bars.at("pressure").at("tripped"), false);
  EXPECT_FALSE(bars.contains("action"));
  const json& output = bars.at("outputs").at(0);
  EXPECT_EQ(output.at("dataset_id"), "a/bars");
  EXPECT_EQ(output.at("last_seq"), 1);
  EXPECT_GE(output.at("freshness_lag_ms").get<int>(), 0);
  EXPECT_EQ(graph.at("edges"),
            json::parse(R"([{"job":"bars","input":0,"from_job":"ticks","from_output":0}])"));
  expect_problem(listener.get("/v1/dags/trades/graph?pointer_set=candidate"), 404, "not_found");
}

TEST(UserReads, TellOfATaskWithItsAttemptsCauseAndRoot) {
  const UserListener listener;
  const json running = listener.get("/v1/tasks/" + id("82")).json();
  EXPECT_EQ(running.at("dag"), "trades");
  EXPECT_EQ(running.at("job"), "bars");
  EXPECT_EQ(running.at("state"), "running");
  EXPECT_EQ(running.at("worker_id"), "w1");
  EXPECT_EQ(running.at("archived"), false);
  EXPECT_EQ(running.at("trigger").at("event_id"), id("72"));
  EXPECT_EQ(running.at("trigger").at("cursor"), 2);
  ASSERT_EQ(running.at("attempts").size(), 1U);
  EXPECT_EQ(running.at("attempts").at(0).at("state"), "active");
  EXPECT_FALSE(running.dump().contains("lease_token"));
  const json failed = listener.get("/v1/tasks/" + id("84")).json();
  EXPECT_EQ(failed.at("attempts").at(0).at("outcome"), "fatal_error");
  const json archived = listener.get("/v1/tasks/" + id("86")).json();
  EXPECT_EQ(archived.at("archived"), true);
  EXPECT_EQ(archived.at("state"), "completed");
  expect_problem(listener.get("/v1/tasks/not-a-uuid"), 404, "task_not_found");
}

TEST(UserReads, ListTheErrorsOfATask) {
  UserListener listener;
  listener.plane().script(seeded(
      Org::A, R"(UPDATE state.attempts SET error = '{"code":"timeout","type":"t","message":"m"}'
                  WHERE task_id = {84})"));
  const json failed = listener.get("/v1/tasks/" + id("84")).json();
  ASSERT_EQ(failed.at("errors").size(), 1U);
  EXPECT_EQ(failed.at("errors").at(0).at("code"), "timeout");
  EXPECT_EQ(failed.at("errors").at(0).at("attempt"), 1);
}

TEST(UserReads, FilterTasks) {
  const UserListener listener;
  const auto count = [&](const std::string& query) {
    return listener.pages("/v1/tasks?" + query, 2).size();
  };
  EXPECT_EQ(count("dag=trades"), 8U);
  EXPECT_EQ(count("dag=other"), 0U);
  EXPECT_EQ(count("job=ticks"), 1U);
  EXPECT_EQ(count("state=queued"), 2U);
  EXPECT_EQ(count("state=completed"), 3U);
  EXPECT_EQ(count("state=failed&dag=trades&job=bars&class=live&kind=reactive"), 1U);
  EXPECT_EQ(count("kind=sink"), 2U);
  EXPECT_EQ(count("class=backfill"), 0U);
  EXPECT_EQ(count("archived=true"), 1U);
  EXPECT_EQ(count("archived=true&state=failed"), 0U);
  EXPECT_EQ(count("root=" + id("72")), 0U);
  for (const char* bad : {"state=done", "class=x", "kind=x", "archived=1", "root=7", "dag="}) {
    expect_problem(listener.get(std::string("/v1/tasks?") + bad), 400, "invalid_request");
  }
}

TEST(UserReads, PageThroughEveryTaskOnce) {
  UserListener listener;
  listener.plane().script(seeded(Org::A, R"sql(
INSERT INTO state.tasks (task_id, org_id, build_id, dag_version_id, kind, queue, state, class,
                         max_attempts, priority, finished_at)
  SELECT gen_random_uuid(), {01}, {21}, {10}, 'reactive', 'tasks.dispatcher.normal', s.state,
         'live', 3, 1, CASE WHEN s.state = 'failed' THEN now() END
    FROM generate_series(1, 20) n, (VALUES ('queued'), ('failed')) s (state))sql"));
  for (const int limit : {1, 7, 500}) {
    for (const auto& [query, expected] : {std::pair<std::string, std::size_t>{"", 48},
                                          {"?state=failed", 21},
                                          {"?state=queued", 22}}) {
      const auto ids = texts(listener.pages("/v1/tasks" + query, limit), "task_id");
      EXPECT_EQ(ids.size(), expected) << query << limit;
      EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), expected) << query << limit;
    }
  }
}

TEST(UserReads, TellOfADataset) {
  const UserListener listener;
  const json dataset = listener.get("/v1/datasets/a%2Fbars").json();
  EXPECT_EQ(dataset.at("dataset_uuid"), id("41"));
  EXPECT_EQ(dataset.at("kind"), "parquet");
  EXPECT_EQ(dataset.at("owner"), json::parse(R"({"dag":"trades","job":"bars","output":0})"));
  EXPECT_EQ(dataset.at("current").at("dataset_version"), id("51"));
  EXPECT_EQ(dataset.at("last_seq"), 1);
  EXPECT_EQ(dataset.at("gaps"), 0);
  EXPECT_EQ(dataset.at("stale_upstream"), false);
  EXPECT_EQ(listener.get("/v1/datasets").json().at("items").size(), 1U);
}

TEST(UserReads, TellWhatADatasetVersionIsKeptFor) {
  UserListener listener;
  const auto versions = listener.pages("/v1/datasets/a%2Fbars/versions", 1);
  ASSERT_EQ(versions.size(), 2U);
  for (const json& version : versions) {
    const bool current = version.at("dataset_version") == id("51");
    EXPECT_EQ(version.at("in_use"),
              current ? json::parse(R"(["current","pinned","open_tasks"])") : json::array());
  }
}

TEST(UserReads, PageThroughPartitionsByKey) {
  UserListener listener;
  listener.plane().script(seeded(Org::A, R"sql(
INSERT INTO state.partition_versions (dataset_version, partition_key, revision, event_id,
                                      producer_task_id, producer_attempt, range_start, range_end,
                                      row_count, bytes)
  SELECT {51}, CASE WHEN n < 6 THEN 'BTC-' ELSE 'ETH-' END || n, 1, {79}, {85}, 1, n, n, 10, 100
    FROM generate_series(1, 9) n;
INSERT INTO state.partition_versions (dataset_version, partition_key, revision, event_id,
                                      producer_task_id, producer_attempt, superseded_at)
  VALUES ({51}, 'BTC-0', 1, {79}, {85}, 1, now()))sql"));
  const std::string path = "/v1/datasets/a%2Fbars/partitions";
  EXPECT_THAT(texts(listener.pages(path, 4), "partition_key"),
              ElementsAre("1-5", "BTC-1", "BTC-2", "BTC-3", "BTC-4", "BTC-5", "ETH-6", "ETH-7",
                          "ETH-8", "ETH-9"));
  const auto some = listener.pages(path + "?prefix=BTC-", 2);
  EXPECT_EQ(some.size(), 5U);
  EXPECT_EQ(some.at(0).at("start"), 1);
  EXPECT_EQ(some.at(0).at("rows"), 10);
  expect_instant(some.at(0).at("committed_at"));
  EXPECT_EQ(listener.pages(path + "?dataset_version=" + id("52"), 5).size(), 0U);
  expect_problem(listener.get(path + "?dataset_version=" + id("50")), 404, "not_found");
}

TEST(UserReads, ReadNoPartitionBehindAPrefix) {
  UserListener listener;
  listener.plane().script(seeded(Org::A, R"sql(
INSERT INTO state.partition_versions (dataset_version, partition_key, revision, event_id,
                                      producer_task_id, producer_attempt)
  SELECT {51}, CASE WHEN n <= 5 THEN 'BTC-' ELSE 'ETH-' END || n, 1, {79}, {85}, 1
    FROM generate_series(1, 20000) n;
ANALYZE state.partition_versions)sql"));
  EXPECT_EQ(listener.pages("/v1/datasets/a%2Fbars/partitions?prefix=BTC-", 100).size(), 5U);
  postgres::Params params;
  params.uuid(*Uuid::parse(id("01"))).text("live").text("a/bars");
  params.null(postgres::Type::Uuid).text("").text("BTC-").int64(101).text("BTC.");
  const auto plan = listener.plane().superuser().execute(
      std::string("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ") +
          dispatcher::registry_sql::partition_list().sql,
      params);
  ASSERT_TRUE(plan.ok()) << plan.error().describe();
  for (std::size_t line = 0; line < plan->size(); ++line) {
    const std::string text(plan->text(line, 0));
    const std::string_view removed = "Rows Removed by Filter: ";
    const std::size_t at = text.find(removed);
    if (at == std::string::npos) continue;
    EXPECT_LT(std::stoi(text.substr(at + removed.size())), 50)
        << text << ": some databases at most";
  }
}

TEST(UserReads, FindFailedTasksAmongManyByIndex) {
  UserListener listener;
  listener.plane().script(seeded(Org::A, R"sql(
SET session_replication_role = replica;
INSERT INTO state.tasks (task_id, org_id, build_id, dag_version_id, kind, queue, state, class,
                         effects, priority, max_attempts, finished_at)
  SELECT gen_random_uuid(), t.org_id, t.build_id, t.dag_version_id, 'reactive',
         'tasks.ecs_platform.normal', CASE WHEN n % 1000 = 0 THEN 'failed' ELSE 'completed' END,
         'live', 'fire', 0, 3, now() - n * interval '1 second'
    FROM (SELECT * FROM state.tasks LIMIT 1) t, generate_series(1, 20000) n;
ANALYZE state.tasks)sql"));
  EXPECT_GE(listener.pages("/v1/tasks?state=failed", 100).size(), 20U);
  dispatcher::TaskList failed;
  failed.state = dispatcher::TaskState::Failed;
  postgres::Params params;
  params.uuid(*Uuid::parse(id("01"))).text("live");
  for (int absent = 0; absent < 4; ++absent) params.null(postgres::Type::Text);
  params.null(postgres::Type::Uuid)
      .instant(Instant(std::chrono::seconds(7'000'000'000)))
      .uuid(*Uuid::parse(id("ff")));
  const auto plan = listener.plane().superuser().execute(
      "EXPLAIN " + dispatcher::registry_sql::task_list(failed), params.int64(101));
  ASSERT_TRUE(plan.ok()) << plan.error().describe();
  std::string text;
  for (std::size_t line = 0; line < plan->size(); ++line) {
    text.append(plan->text(line, 0)) += '\n';
  }
  EXPECT_NE(text.find("using tasks_ended_badly on tasks"), std::string::npos) << text;
  EXPECT_EQ(text.find("Seq Scan on tasks"), std::string::npos) << text;
}

TEST(UserReads, KnowWhatFollowsAPrefix) {
  using dispatcher::registry_sql::behind_prefix;
  EXPECT_EQ(behind_prefix("BTC-"), "BTC.");
  EXPECT_EQ(behind_prefix("é"), "ê");
  EXPECT_EQ(behind_prefix("a\x7f"), "a\xc2\x80");
  EXPECT_EQ(behind_prefix("\xed\x9f\xbf"), "\xee\x80\x80") << "there are no surrogates";
  EXPECT_EQ(behind_prefix("a\xf4\x8f\xbf\xbf"), "b") << "the last character of all";
  EXPECT_EQ(behind_prefix("\xf4\x8f\xbf\xbf"), std::nullopt);
  EXPECT_EQ(behind_prefix(""), std::nullopt);
}

TEST(UserReads, PageThroughTheAuditFromTheNewest) {
  UserListener listener;
  listener.plane().script(seeded(Org::A, R"sql(
INSERT INTO state.audit_log (org_id, actor_kind, actor, action, target, decision)
  SELECT {01}, 'user', 'me', 'deploy', n::text, 'allow' FROM generate_series(1, 9) n)sql"));
  const auto rows = listener.pages("/v1/audit", 4, "admin-a");
  ASSERT_EQ(rows.size(), 10U);
  EXPECT_EQ(rows.at(0).at("target"), "9");
  for (const json& row : rows) EXPECT_NE(row.at("actor"), "b");
}

TEST(UserReads, KnowOneWorld) {
  const UserListener listener;
  for (const char* target :
       {"/v1/dags", "/v1/dags/trades", "/v1/dags/trades/graph", "/v1/tasks", "/v1/datasets"}) {
    EXPECT_EQ(listener.get(std::string(target) + "?world=live").status, 200);
    expect_problem(listener.get(std::string(target) + "?world=trial"), 404, "not_found");
    expect_problem(listener.get(std::string(target) + "?world=No%20world"), 400, "invalid_request");
  }
}

}  // namespace
}  // namespace weir::test
