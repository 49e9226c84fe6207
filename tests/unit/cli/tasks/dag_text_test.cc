// SPDX-License-Identifier: Apache-2.0
#include "cli/tasks/dag_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::cli {
namespace {

using testing::HasSubstr;

JsonTree graph() {
  return JsonTree::parse(R"({
    "pointer_set_id":"p","dag_version_id":"v",
    "nodes":[
      {"job":"load","activation":"source","operator":"table_ingest","generation":1,
       "dispatch":"open",
       "counts":{"queued":2,"running":1,"retry_wait":0,"completed":3,"failed":0,"canceled":0},
       "outputs":[{"output":0,"kind":"events","rows":null},
                  {"output":1,"kind":"parquet","rows":1200,"dataset_id":"bars"}]},
      {"job":"compact","activation":"reactive","operator":"parquet_compact","generation":1,
       "dispatch":"open",
       "counts":{"queued":0,"running":0,"retry_wait":1,"completed":4,"failed":1,"canceled":2},
       "outputs":[{"output":0,"kind":"events","rows":null}]}],
    "edges":[{"job":"compact","input":0,"from_job":"load","from_output":1,
              "where":{"chain_id":1}}]})");
}

TEST(JobCounts, AreReadOffTheGraph) {
  const std::vector<JobCounts> jobs = job_counts(graph());
  ASSERT_EQ(jobs.size(), 2U);
  EXPECT_EQ(jobs[0], (JobCounts{.job = "load",
                                .activation = "source",
                                .queued = 2,
                                .running = 1,
                                .done = 3,
                                .rows = 1200}));
  EXPECT_EQ(jobs[1].open(), 1);
  EXPECT_EQ(jobs[1].rows, std::nullopt);
  EXPECT_EQ(job_counts_line(jobs), "2 queued, 1 running, 1 to retry, 7 done, 1 failed, 2 canceled");
}

TEST(JobCounts, AreALineEachInTheLiveView) {
  EXPECT_EQ(job_counts_text(job_counts(graph()), 10),
            "JOB      QUEUED  RUNNING  RETRY  DONE  FAILED  ROWS OUT\n"
            "load          2        1      0     3       0     1,200\n"
            "compact       0        0      1     4       1         -\n");
}

TEST(JobCounts, ShowTheBusiestWhereThereAreManyAndFailuresFirst) {
  std::vector<JobCounts> jobs;
  for (int i = 0; i < 50; ++i) jobs.push_back({.job = "j" + std::to_string(i)});
  jobs[40].queued = 5;
  jobs[45].failed = 1;
  const std::string text = job_counts_text(jobs, 2);
  EXPECT_LT(text.find("j45"), text.find("j40"));
  EXPECT_THAT(text, HasSubstr("and 48 jobs more: 5 queued, 0 running, 0 done, 1 failed in all"));
}

TEST(DagText, ShowsWhatAJobReadsAndWrites) {
  const std::string text = dag_graph_text(graph());
  EXPECT_THAT(text, HasSubstr("events, parquet bars"));
  EXPECT_THAT(text, HasSubstr(R"(load[1] {"chain_id":1})"));
}

TEST(DagText, ShowsThePlanWithItsReasonsAndItsSum) {
  const JsonTree plan = JsonTree::parse(R"({"dag":"market","base":null,"jobs":[
    {"job":"load","action":"build","reason":"new","node_id":"blake3:1"},
    {"job":"slow","action":"build","reason":"new","node_id":"blake3:2"}]})");
  EXPECT_EQ(plan_jobs_text(plan, JsonTree::array()),
            "JOB   ACTION  REASON\n"
            "load  build   new\n"
            "slow  build   new\n"
            "Plan of market, its first activation: 2 to build.\n");
}

TEST(DagText, ShowsWarningsOfAPlan) {
  const JsonTree plan = JsonTree::parse(R"({"dag":"market","base":{"generation":3},"jobs":[
    {"job":"load","action":"reuse","reason":"unchanged","node_id":"blake3:1"}]})");
  const JsonTree warnings =
      JsonTree::parse(R"([{"code":"W_X","path":"jobs[0]","line":4,"column":2,"detail":"odd"}])");
  const std::string text = plan_jobs_text(plan, warnings);
  EXPECT_THAT(text, HasSubstr("4:2: W_X jobs[0]: odd\n"));
  EXPECT_THAT(text, HasSubstr("Plan of market, on generation 3: 1 to reuse.\n"));
}

TEST(DagText, SaysWhetherAVersionIsNew) {
  EXPECT_EQ(deploy_text("m", JsonTree::parse(R"({"version_no":2,"created":true,
                                             "deploy":{"state":"active"}})")),
            "Deployed m version 2 (new), active.\n");
  EXPECT_EQ(deploy_text("m", JsonTree::parse(R"({"version_no":2,"created":false})")),
            "Deployed m version 2 (known already).\n");
}

TEST(DagText, ListsDags) {
  const JsonTree body = JsonTree::parse(R"({"items":[{"dag":"m","version_no":1,"generation":1,
    "activated_at":"2026-01-01T00:00:00.000Z","deploy":null,
    "tasks":{"queued":1,"running":2,"retry_wait":0,"failed":0}},
    {"dag":"stored","version_no":null,"generation":null,"activated_at":null,"deploy":null,
     "tasks":{"queued":0,"running":0,"retry_wait":0,"failed":0}}],"next_cursor":null})");
  const std::string text = dag_list_text(body);
  EXPECT_THAT(text, HasSubstr("DAG     VERSION"));
  EXPECT_THAT(text, HasSubstr("2026-01-01T00:00:00.000Z"));
  EXPECT_THAT(dag_list_text(JsonTree::parse(R"({"items":[]})")), HasSubstr("weir dag deploy"));
}

TEST(DagText, ShowsOneDag) {
  const JsonTree body =
      JsonTree::parse(R"({"dag":"m","world":"live","version_no":1,"latest_version_no":2,
    "generation":1,"activated_at":null,"deploy":null,
    "tasks":{"queued":1,"running":0,"retry_wait":0,"failed":0},"datasets":["bars"],
    "jobs":[{"job":"go","activation":"source","source":{"kind":"manual"},
             "operator":"trigger_manual","operator_version":"1","runtime":"platform_runtime"}]})");
  const std::string text = dag_text(body);
  EXPECT_THAT(text, HasSubstr("version     1 of 2\n"));
  EXPECT_THAT(text, HasSubstr("publishes bars\n"));
  EXPECT_THAT(text, HasSubstr("source manual"));
  EXPECT_THAT(text, HasSubstr("trigger_manual@1"));
}

TEST(DagText, ListsVersions) {
  const JsonTree body = JsonTree::parse(R"({"items":[{"dag_version_id":"id","version_no":2,
    "state":"stored","created_at":"t","yaml_hash":"blake3:0123456789abcdef"}]})");
  EXPECT_EQ(dag_versions_text(body),
            "VERSION  STATE   CREATED  ID  YAML\n"
            "      2  stored  t        id  blake3:0123456789ab\n");
}

}  // namespace
}  // namespace weir::cli
