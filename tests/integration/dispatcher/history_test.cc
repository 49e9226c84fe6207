// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/integration/dispatcher/seed.h"
#include "tests/integration/dispatcher/task_plane.h"

namespace weir::dispatcher {
namespace {

using test::Org;
using test::seeded;

/// A finished task whose end is given as an SQL expression.
std::string finished(const std::string& task, const std::string& end) {
  return seeded(Org::A,
                "INSERT INTO state.task_history (task_id, org_id, build_id, dag_version_id,"
                " kind, queue, state, class, attempt, priority, scope, attempts, created_at,"
                " finished_at) VALUES ({" +
                    task +
                    "}, {01}, {21}, {10}, 'reactive', 'q',"
                    " 'completed', 'live', 1, 1, '{}', '[]', now(), " +
                    end + ")");
}

std::string partition_of(const std::string& task) {
  return seeded(
      Org::A,
      "SELECT tableoid::regclass::text FROM state.task_history WHERE task_id = {" + task + "}");
}

class HistoryTest : public testing::Test {
 protected:
  HistoryTest() : dispatcher_(plane_.session(ServiceRole::Dispatcher)) {}

  Instant instant(const std::string& sql) {
    const auto rows = plane_.superuser().execute("SELECT " + sql);
    EXPECT_TRUE(rows.ok());
    return rows->instant(0, 0);
  }
  int make(const std::string& since) {
    const auto made = make_history_partitions(*dispatcher_, instant(since));
    EXPECT_TRUE(made.ok()) << made.error().describe();
    return made.ok() ? *made : -1;
  }

  test::TaskPlane plane_;
  std::unique_ptr<postgres::Connection> dispatcher_;
};

TEST_F(HistoryTest, HasAPartitionAWeekFourWeeksAhead) {
  EXPECT_EQ(make("now()"), 0);
  plane_.script(finished("01", "now()") + ";" + finished("02", "now() + interval '28 days'"));
  for (const auto& [task, end] :
       {std::pair{"01", "now()"}, std::pair{"02", "now() + interval '28 days'"}}) {
    EXPECT_EQ(plane_.texts(partition_of(task)),
              plane_.texts("SELECT 'state.' || to_char((" + std::string(end) +
                           ") AT TIME ZONE 'UTC', '\"task_history_\"IYYY\"w\"IW')"));
  }
}

TEST_F(HistoryTest, NamesWeeksByTheIsoYearInUtc) {
  EXPECT_GT(make("timestamptz '2020-12-28 00:00+00'"), 200);
  plane_.script("SET TIME ZONE 'Asia/Tokyo';" + finished("01", "'2021-01-03 23:59:59.999+00'") +
                ";" + finished("02", "'2021-01-04 00:00+00'"));
  EXPECT_THAT(plane_.texts(partition_of("01")), testing::ElementsAre("state.task_history_2020w53"));
  EXPECT_THAT(plane_.texts(partition_of("02")), testing::ElementsAre("state.task_history_2021w01"));
}

TEST_F(HistoryTest, TakesALateWeekOutOfTheDefaultPartition) {
  plane_.script(finished("01", "now() - interval '21 days'"));
  EXPECT_THAT(plane_.texts(partition_of("01")), testing::ElementsAre("state.task_history_default"));
  EXPECT_EQ(make("now() - interval '21 days'"), 3);
  EXPECT_THAT(plane_.texts(partition_of("01")),
              testing::ElementsAre(testing::StartsWith("state.task_history_20")));
  EXPECT_EQ(plane_.number("SELECT count(*) FROM ONLY state.task_history_default"), 0);
  EXPECT_EQ(plane_.number("SELECT count(*) FROM pg_class WHERE relname LIKE 'task\\_history%'"
                          " AND relkind IN ('r', 'p') AND NOT (relrowsecurity AND"
                          " relforcerowsecurity)"),
            0);
}

TEST_F(HistoryTest, IndexesEveryPartitionAsItsTable) {
  EXPECT_EQ(plane_.number("SELECT count(DISTINCT n) FROM (SELECT count(*) AS n FROM pg_index i"
                          " JOIN pg_inherits h ON h.inhrelid = i.indrelid"
                          " WHERE h.inhparent = 'state.task_history'::regclass"
                          " GROUP BY i.indrelid) x"),
            1);
}

TEST_F(HistoryTest, RefusesAnEndlessRun) {
  EXPECT_EQ(test::refusal(*dispatcher_, "SELECT state.make_history_partitions('1900-01-01', 4)"),
            "22023");
  EXPECT_EQ(test::refusal(*dispatcher_, "SELECT state.make_history_partitions(now(), 1000)"),
            "22023");
}

}  // namespace
}  // namespace weir::dispatcher
