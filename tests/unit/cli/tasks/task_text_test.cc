// SPDX-License-Identifier: Apache-2.0
#include "cli/tasks/task_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::cli {
namespace {

using testing::HasSubstr;

TEST(TaskText, ListsTasksWithScopeAndError) {
  const JsonTree body = JsonTree::parse(R"({"items":[
    {"task_id":"t1","dag":"m","job":"load","state":"failed","class":"manual","attempt":3,
     "scope":{"partition_key":"0-9","start":0,"end":9},"created_at":"c",
     "last_error":{"code":"source_missing","message":"no such file"}},
    {"task_id":"t2","dag":"m","job":"go","state":"queued","class":"live","attempt":1,
     "scope":{"cursor":5},"created_at":"c","last_error":null}],"next_cursor":null})");
  EXPECT_EQ(task_list_text(body),
            "TASK  DAG  JOB   STATE   CLASS   ATTEMPT  SCOPE  CREATED  ERROR\n"
            "t1    m    load  failed  manual        3  0-9    c        source_missing: no such "
            "file\n"
            "t2    m    go    queued  live          1  5      c\n");
  EXPECT_EQ(task_list_text(JsonTree::parse(R"({"items":[]})")), "No task.\n");
}

TEST(TaskText, ShowsATaskWithItsAttempts) {
  const JsonTree body = JsonTree::parse(R"({"task_id":"t1","dag":"m","job":"load","kind":"reactive",
    "class":"live","state":"completed","scope":{},"created_at":"c","started_at":"s",
    "finished_at":"f","next_retry_at":null,"root_event_id":"r","result":{"rows":3},
    "attempts":[{"attempt":1,"state":"failed","outcome":"retryable","worker_id":"w",
                 "error":{"code":"timeout"},"started_at":"a","ended_at":"b"},
                {"attempt":2,"state":"succeeded","outcome":"success","worker_id":"w","error":null,
                 "started_at":"a","ended_at":"b"}]})");
  const std::string text = task_text(body);
  EXPECT_THAT(text, HasSubstr("job       m/load (reactive, live)\n"));
  EXPECT_THAT(text, HasSubstr("result    {\"rows\":3}\n"));
  EXPECT_THAT(text, testing::Not(HasSubstr("retry at")));
  EXPECT_THAT(text, HasSubstr("timeout\n"));
  EXPECT_EQ(task_state_text(JsonTree::parse(R"({"task_id":"t","state":"queued"})")),
            "Task t is queued.\n");
}

TEST(TaskText, CountsTasksByJobAndKnowsWhetherAnyIsOpen) {
  const JsonTree open =
      JsonTree::parse(R"([{"job":"a","state":"completed"},{"job":"b","state":"queued"},
                                    {"job":"a","state":"failed"},{"job":"b","state":"retry_wait"},
                                    {"job":"a","state":"canceled"},
                                    {"job":"c","state":"running"}])");
  const std::vector<JobCounts> jobs = counts_of_tasks(open);
  ASSERT_EQ(jobs.size(), 3U);
  EXPECT_EQ(jobs[0], (JobCounts{.job = "a", .done = 1, .failed = 1, .canceled = 1}));
  EXPECT_EQ(jobs[1].open(), 2);
  EXPECT_TRUE(any_open(jobs));
  EXPECT_FALSE(any_open(counts_of_tasks(JsonTree::parse(R"([{"job":"a","state":"failed"}])"))));
}

TEST(DatasetText, ListsDatasets) {
  const JsonTree body = JsonTree::parse(R"({"items":[{"dataset_id":"bars","kind":"parquet",
    "owner":{"dag":"m","job":"compact","output":0},"rows":250601,"bytes":1048576,"last_seq":4,
    "max_cursor":null,"freshness_lag_ms":1500,"gaps":0}]})");
  EXPECT_EQ(dataset_list_text(body),
            "DATASET  KIND     OWNER         ROWS     SIZE  EVENTS  MAX CURSOR   NEWEST  GAPS\n"
            "bars     parquet  m/compact  250,601  1.0 MiB       4           -  1500 ms     0\n");
}

TEST(DatasetText, ShowsColumnsWhereTheyAreKnown) {
  const JsonTree body = JsonTree::parse(R"({"dataset_id":"bars","kind":"table",
    "owner":{"dag":"m","job":"load","output":0},"current":{"dataset_version":"v","generation":1},
    "schema":{"columns":[{"name":"price","type":"double","nullable":true}]}})");
  EXPECT_THAT(dataset_text(body), HasSubstr("price   double  yes\n"));
}

TEST(DatasetText, ListsVersionsAndPartitions) {
  EXPECT_THAT(dataset_versions_text(JsonTree::parse(
                  R"({"items":[{"dataset_version":"v","kind":"parquet","state":"complete",
                      "rows":1,"bytes":1,"last_seq":1,"created_at":"c",
                      "in_use":["current","pinned"]}]})")),
              HasSubstr("current, pinned"));
  EXPECT_THAT(dataset_partitions_text(JsonTree::parse(
                  R"({"items":[{"partition_key":"0-9","revision":2,"start":0,"end":9,"rows":10,
                      "bytes":2048,"committed_at":"c","task_id":"t"}]})")),
              HasSubstr("0-9               2      0    9    10  2.0 KiB  c          t\n"));
  EXPECT_EQ(dataset_partitions_text(JsonTree::parse(R"({"items":[]})")),
            "No partition is committed.\n");
}

TEST(DatasetText, PutsNumbersOfRowsToTheRight) {
  const JsonTree body = JsonTree::parse(R"({"columns":[{"name":"pair","type":"VARCHAR"},
    {"name":"volume","type":"DOUBLE"}],"rows":[["BTC",1.5],["ETHUSD",null]],"truncated":false})");
  EXPECT_EQ(query_rows_text(body),
            "PAIR    VOLUME\n"
            "BTC        1.5\n"
            "ETHUSD       -\n");
}

}  // namespace
}  // namespace weir::cli
