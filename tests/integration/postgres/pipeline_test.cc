// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/pipeline.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/integration/postgres/cutting_proxy.h"
#include "tests/integration/postgres/test_support.h"

namespace weir::postgres {
namespace {

constexpr Statement kInsert = {"test.insert", "INSERT INTO t (a) SELECT unnest($1)"};
constexpr Statement kCount = {"test.count", "SELECT count(*) FROM t"};
constexpr Statement kDivide = {"test.divide", "SELECT 1 / $1"};
constexpr Statement kEcho = {"test.echo", "SELECT $1"};

Params numbers(std::vector<std::int64_t> values) { return Params().int64_array(values); }

class PipelineTest : public PostgresTest {
 protected:
  PipelineTest() {
    script(
        "CREATE TABLE t (a bigint CONSTRAINT t_key UNIQUE DEFERRABLE INITIALLY DEFERRED);"
        "CREATE TABLE u (a bigint CONSTRAINT u_key PRIMARY KEY)");
  }
  std::int64_t stored() { return number("SELECT count(*) FROM t"); }
};

TEST_F(PipelineTest, CommitsAWholeTransactionInOneRoundTrip) {
  Pipeline pipeline(*first_);
  EXPECT_EQ(pipeline.begin(), 0U);
  EXPECT_EQ(pipeline.add(kInsert, numbers({1, 2, 3})), 1U);
  EXPECT_EQ(pipeline.add(kCount), 2U);
  EXPECT_EQ(pipeline.add("UPDATE t SET a = a + $1", Params().int64(10)), 3U);
  EXPECT_EQ(pipeline.commit(), 4U);
  const auto results = pipeline.run();
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ(first_->round_trips(), 1U) << "preparing included";
  ASSERT_EQ(results->size(), 5U);
  EXPECT_EQ((*results)[1].affected(), 3);
  EXPECT_EQ((*results)[2].int64(0, 0), 3);
  EXPECT_EQ((*results)[3].affected(), 3);
  EXPECT_EQ((*results)[4].tag(), "COMMIT");
  EXPECT_FALSE(first_->in_transaction());
  EXPECT_EQ(number("SELECT sum(a)::bigint FROM t"), 36);
  EXPECT_EQ(pipeline.size(), 0U);
}

TEST_F(PipelineTest, LetsItsCallerUseOtherConnectionsBetweenItsHalves) {
  Pipeline pipeline(*first_);
  pipeline.begin();
  const std::size_t insert = pipeline.add(kInsert, numbers({1, 2}));
  ASSERT_TRUE(succeeded(pipeline.start()));
  EXPECT_TRUE(first_->started());
  ASSERT_TRUE(succeeded(second_->execute(kInsert, numbers({3}))));
  EXPECT_EQ(stored(), 1) << "what was begun is not committed";
  const auto results = pipeline.finish();
  ASSERT_TRUE(succeeded(results));
  EXPECT_FALSE(first_->started());
  EXPECT_EQ((*results)[insert].affected(), 2);
  EXPECT_TRUE(first_->in_transaction());
  ASSERT_TRUE(succeeded(first_->commit()));
  EXPECT_EQ(stored(), 3);
}

TEST_F(PipelineTest, TakesMoreStatementsWhileTheFirstOnesRun) {
  Pipeline pipeline(*first_);
  pipeline.begin();
  const std::size_t insert = pipeline.add(kInsert, numbers({1, 2}));
  ASSERT_TRUE(succeeded(pipeline.start(/*more=*/true)));
  ASSERT_TRUE(succeeded(second_->execute(kInsert, numbers({3}))));
  const std::size_t more = pipeline.add(kInsert, numbers({4}));
  const std::size_t count = pipeline.add(kCount);
  ASSERT_TRUE(succeeded(pipeline.extend()));
  const auto results = pipeline.finish();
  ASSERT_TRUE(succeeded(results));
  ASSERT_EQ(results->size(), 4U);
  EXPECT_EQ((*results)[insert].affected(), 2);
  EXPECT_EQ((*results)[more].affected(), 1);
  EXPECT_EQ((*results)[count].int64(0, 0), 4);
  ASSERT_TRUE(succeeded(first_->commit()));
  EXPECT_EQ(stored(), 4);
}

TEST_F(PipelineTest, EndsWithoutTheMoreThatItWasToldOf) {
  Pipeline pipeline(*first_);
  pipeline.begin();
  const std::size_t insert = pipeline.add(kInsert, numbers({1, 2}));
  ASSERT_TRUE(succeeded(pipeline.start(/*more=*/true)));
  const auto results = pipeline.finish();
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[insert].affected(), 2);
  EXPECT_TRUE(first_->in_transaction());
}

TEST_F(PipelineTest, SkipsWhatComesAfterAFailureOfTheFirstOnes) {
  Pipeline pipeline(*first_);
  pipeline.begin();
  pipeline.add(kDivide, Params().int64(0));
  ASSERT_TRUE(succeeded(pipeline.start(/*more=*/true)));
  pipeline.add(kInsert, numbers({1}));
  ASSERT_TRUE(succeeded(pipeline.extend()));
  EXPECT_FALSE(pipeline.finish().ok());
  EXPECT_EQ(first_->last_failure().statement, 1U);
  EXPECT_FALSE(first_->in_transaction());
  EXPECT_EQ(stored(), 0);
}

TEST_F(PipelineTest, DoesNothingWhenEmpty) {
  Pipeline pipeline(*first_);
  const auto results = pipeline.run();
  ASSERT_TRUE(succeeded(results));
  EXPECT_TRUE(results->empty());
  EXPECT_EQ(first_->round_trips(), 0U);
}

TEST_F(PipelineTest, PreparesAStatementThatComesTwiceOnce) {
  Pipeline pipeline(*first_);
  for (std::int64_t i = 1; i <= 3; ++i) pipeline.add(kDivide, Params().int64(i));
  ASSERT_TRUE(succeeded(pipeline.run()));
  pipeline.add(kDivide, Params().int64(1));
  ASSERT_TRUE(succeeded(pipeline.run()));
}

TEST_F(PipelineTest, MovesMegabytesBothWaysWithoutADeadlock) {
  // Far beyond what the buffers of both sockets hold: a client that only wrote before it read would
  // wait for ever for a server that waits for it to read.
  constexpr std::size_t kBytes = 2'000'000;
  constexpr std::size_t kStatements = 12;
  const std::string text(kBytes, 'x');
  Pipeline pipeline(*first_);
  for (std::size_t i = 0; i < kStatements; ++i) pipeline.add(kEcho, Params().text(text));
  const auto results = pipeline.run();
  ASSERT_TRUE(succeeded(results));
  for (const Rows& rows : *results) ASSERT_EQ(rows.text(0, 0), text);
}

TEST_F(PipelineTest, StopsAtTheFirstFailureAndKeepsNothing) {
  Pipeline pipeline(*first_);
  pipeline.begin();
  pipeline.add(kInsert, numbers({1}));
  pipeline.add(kDivide, Params().int64(0));
  pipeline.add("INSERT INTO nowhere VALUES (1)");
  pipeline.commit();
  const auto results = pipeline.run();
  ASSERT_FALSE(results.ok());
  EXPECT_EQ(results.error().reason(), "postgres_error");
  EXPECT_EQ(first_->last_failure().sqlstate, "22012");
  EXPECT_EQ(first_->last_failure().statement, 2U);
  EXPECT_FALSE(first_->in_transaction()) << "the transaction it began is closed";
  EXPECT_TRUE(first_->usable());
  EXPECT_EQ(stored(), 0);
}

TEST_F(PipelineTest, PreparesLaterWhatAFailureSkipped) {
  Pipeline pipeline(*first_);
  pipeline.add("SELECT 1 / 0");
  pipeline.add(kCount);
  EXPECT_EQ(reason_of(pipeline.run()), "postgres_error");
  EXPECT_TRUE(succeeded(first_->execute(kCount)));
}

TEST_F(PipelineTest, MakesOneTransactionOfStatementsWithoutBegin) {
  Pipeline pipeline(*first_);
  pipeline.add(kInsert, numbers({1}));
  pipeline.add(kDivide, Params().int64(0));
  EXPECT_EQ(reason_of(pipeline.run()), "postgres_error");
  EXPECT_EQ(stored(), 0);
  pipeline.add(kInsert, numbers({1}));
  pipeline.add(kInsert, numbers({2}));
  ASSERT_TRUE(succeeded(pipeline.run()));
  EXPECT_EQ(stored(), 2);
}

TEST_F(PipelineTest, ReportsAConstraintThatFailsAtTheCommit) {
  Pipeline pipeline(*first_);
  pipeline.begin();
  pipeline.add(kInsert, numbers({1, 1}));
  pipeline.commit();
  EXPECT_EQ(reason_of(pipeline.run()), "unique_violation");
  EXPECT_EQ(first_->last_failure().statement, 2U);
  EXPECT_TRUE(first_->usable());
}

TEST_F(PipelineTest, ReportsAConstraintThatFailsAtAnImplicitCommit) {
  Pipeline pipeline(*first_);
  pipeline.add(kInsert, numbers({1, 1}));
  EXPECT_EQ(reason_of(pipeline.run()), "unique_violation");
  EXPECT_EQ(first_->last_failure().constraint, "t_key");
  ASSERT_TRUE(first_->usable());
  EXPECT_TRUE(succeeded(first_->execute(kCount)));
  EXPECT_EQ(stored(), 0);
}

TEST_F(PipelineTest, GoesOnInATransactionBegunBefore) {
  Pipeline pipeline(*first_);
  pipeline.begin();
  pipeline.add(kInsert, numbers({1}));
  ASSERT_TRUE(succeeded(pipeline.run()));
  EXPECT_TRUE(first_->in_transaction());
  pipeline.add(kInsert, numbers({2}));
  pipeline.commit();
  ASSERT_TRUE(succeeded(pipeline.run()));
  EXPECT_EQ(stored(), 2);
  EXPECT_EQ(first_->round_trips(), 2U);
}

TEST_F(PipelineTest, LeavesATransactionBegunBeforeToItsOwner) {
  ASSERT_TRUE(succeeded(first_->begin()));
  Pipeline pipeline(*first_);
  pipeline.add(kInsert, numbers({1}));
  pipeline.add(kDivide, Params().int64(0));
  pipeline.commit();
  EXPECT_EQ(reason_of(pipeline.run()), "postgres_error");
  EXPECT_TRUE(first_->in_transaction());
  EXPECT_EQ(reason_of(first_->execute(kCount)), "postgres_error") << "not a new transaction";
  ASSERT_TRUE(succeeded(first_->rollback()));
  EXPECT_EQ(stored(), 0);
}

TEST_F(PipelineTest, LeavesNoDoubtWhenTheSessionEndsBeforeItsCommit) {
  Pipeline pipeline(*first_);
  pipeline.begin();
  pipeline.add(kInsert, numbers({1}));
  pipeline.add("SELECT pg_terminate_backend(pg_backend_pid())");
  pipeline.commit();
  EXPECT_EQ(reason_of(pipeline.run()), "postgres_unavailable");
  EXPECT_EQ(stored(), 0);
}

TEST_F(PipelineTest, SaysThatACommitIsUnknownWhenTheRepliesAreLost) {
  CuttingProxy proxy(database_->dsn());
  const auto connection = Connection::connect({.dsn = proxy.dsn()});
  ASSERT_TRUE(succeeded(connection));
  proxy.lose_next_reply();
  Pipeline pipeline(**connection);
  pipeline.begin();
  pipeline.add(kInsert, numbers({1}));
  pipeline.commit();
  EXPECT_EQ(reason_of(pipeline.run()), "commit_unknown");
  EXPECT_EQ(stored(), 1);
}

TEST_F(PipelineTest, LeavesNoDoubtWhenNoCommitWasSent) {
  CuttingProxy proxy(database_->dsn());
  const auto connection = Connection::connect({.dsn = proxy.dsn()});
  ASSERT_TRUE(succeeded(connection));
  proxy.lose_next_reply();
  Pipeline pipeline(**connection);
  pipeline.begin();
  pipeline.add(kInsert, numbers({1}));
  EXPECT_EQ(reason_of(pipeline.run()), "postgres_unavailable");
  EXPECT_EQ(stored(), 0);
}

TEST_F(PipelineTest, WorksWithUnnamedStatementsOnly) {
  const auto connection =
      Connection::connect({.dsn = database_->dsn(), .statements = StatementMode::Unnamed});
  ASSERT_TRUE(succeeded(connection));
  Pipeline pipeline(**connection);
  pipeline.begin();
  pipeline.add(kInsert, numbers({1}));
  pipeline.add(kInsert, numbers({2}));
  pipeline.add(kCount);
  pipeline.commit();
  const auto results = pipeline.run();
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[3].int64(0, 0), 2);
}

TEST_F(PipelineTest, StoresTenThousandRowsFromArrays) {
  std::vector<std::int64_t> values;
  for (std::int64_t i = 0; i < 10'000; ++i) values.push_back(i);
  Pipeline pipeline(*first_);
  pipeline.begin();
  pipeline.add(kInsert, numbers(values));
  pipeline.add("INSERT INTO u SELECT unnest($1)", numbers(values));
  pipeline.commit();
  const auto results = pipeline.run();
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[1].affected(), 10'000);
  EXPECT_EQ((*results)[2].affected(), 10'000);
}

using PipelineDeathTest = PipelineTest;

TEST_F(PipelineDeathTest, StopsTheProgramOverAMisplacedBeginOrCommit) {
  const auto dies = [this](auto build) {
    EXPECT_DEATH(
        {
          Pipeline pipeline(*first_);
          build(pipeline);
          static_cast<void>(pipeline.run().ok());
        },
        "assert");
  };
  dies([](Pipeline& pipeline) { pipeline.commit(); });
  dies([](Pipeline& pipeline) {
    pipeline.add(kCount);
    pipeline.begin();
  });
  dies([](Pipeline& pipeline) {
    pipeline.begin();
    pipeline.commit();
    pipeline.add(kCount);
  });
}

}  // namespace
}  // namespace weir::postgres
