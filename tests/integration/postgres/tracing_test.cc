// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/exchange_tracer.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "drivers/postgres/pipeline.h"
#include "tests/integration/postgres/test_support.h"

namespace weir::postgres {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr Statement kAskText = {"test.ask_text", "SELECT current_query(), $1"};
const std::string kParent = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
const std::string kComment = " /*traceparent='" + kParent + "'*/";

/// Remembers how exchanges ended: "ok", a reason, or "dropped".
class RecordingTracer final : public ExchangeTracer {
 public:
  class Exchange final : public TracedExchange {
   public:
    explicit Exchange(std::vector<std::string>& ends) : ends_(ends) {}
    ~Exchange() override {
      if (!ended_) ends_.emplace_back("dropped");
    }
    void ended(const Error* error) override {
      ends_.push_back(error == nullptr ? "ok" : error->reason());
      ended_ = true;
    }

   private:
    std::vector<std::string>& ends_;
    bool ended_ = false;
  };

  Begun begin(std::span<const Request> requests, int backend_pid) override {
    sizes.push_back(requests.size());
    pid = backend_pid;
    if (traceparent.empty()) return {};
    return {traceparent, std::make_unique<Exchange>(ends)};
  }

  std::string traceparent = kParent;
  std::vector<std::size_t> sizes;
  std::vector<std::string> ends;
  int pid = 0;
};

class TracingTest : public PostgresTest {
 protected:
  TracingTest() { open(StatementMode::Named); }
  void open(StatementMode mode) {
    traced_.reset();
    auto made =
        Connection::connect({.dsn = database_->dsn(), .statements = mode, .tracer = &tracer_});
    ASSERT_TRUE(succeeded(made));
    traced_ = *std::move(made);
  }
  /// What the server was sent as the statement that asks.
  std::string text_of(const Result<Rows>& rows) {
    EXPECT_TRUE(succeeded(rows));
    return rows.ok() ? std::string(rows->text(0, 0)) : "";
  }

  RecordingTracer tracer_;
  std::unique_ptr<Connection> traced_;
};

TEST_F(TracingTest, SaysBehindATextWhoseItIs) {
  EXPECT_EQ(text_of(traced_->execute(std::string("SELECT current_query()"))),
            "SELECT current_query()" + kComment);
  tracer_.traceparent.clear();
  EXPECT_EQ(text_of(traced_->execute(std::string("SELECT current_query()"))),
            "SELECT current_query()");
}

TEST_F(TracingTest, LeavesThePreparedTextAndItsPlanAlone) {
  for (int call = 0; call < 10; ++call) {
    tracer_.traceparent = kParent.substr(0, 54) + std::to_string(call % 2);
    EXPECT_EQ(text_of(traced_->execute(kAskText, Params().int64(call))), kAskText.sql);
  }
  tracer_.traceparent.clear();
  const auto prepared = traced_->execute(std::string(
      "SELECT count(*), sum(generic_plans + custom_plans)::bigint FROM pg_prepared_statements"));
  ASSERT_TRUE(succeeded(prepared));
  EXPECT_EQ(prepared->int64(0, 0), 1);
  EXPECT_EQ(prepared->int64(0, 1), 10);
}

TEST_F(TracingTest, SendsTheCommentAheadOfALoneReadInTheSameRoundTrip) {
  const std::uint64_t before = traced_->round_trips();
  Pipeline pipeline(*traced_);
  pipeline.add(kAskText, Params().int64(1));
  pipeline.add(kAskText, Params().int64(2));
  const auto results = pipeline.run();
  ASSERT_TRUE(succeeded(results));
  ASSERT_EQ(results->size(), 2U) << "the comment's reply is nobody's";
  EXPECT_EQ((*results)[1].int64(0, 1), 2);
  EXPECT_EQ(traced_->round_trips() - before, 1U);
  const Statement broken = {"test.broken", "SELECT 1 / ($1 - $1)"};
  EXPECT_EQ(reason_of(traced_->execute(broken, Params().int64(1))), "postgres_error");
  EXPECT_EQ(traced_->last_failure().statement, 0U) << "numbers are those of the requests";
  EXPECT_TRUE(traced_->usable());
}

TEST_F(TracingTest, SaysItWithTheBeginOfATransaction) {
  Pipeline pipeline(*traced_);
  pipeline.begin();
  pipeline.add(kAskText, Params().int64(1));
  pipeline.add("SELECT current_query()");
  pipeline.commit();
  const auto results = pipeline.run();
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[2].text(0, 0), "SELECT current_query()") << "once is enough";
  EXPECT_EQ((*results)[3].tag(), "COMMIT");
  ASSERT_TRUE(succeeded(traced_->begin()));
  EXPECT_EQ(text_of(traced_->execute(kAskText, Params().int64(1))), kAskText.sql);
  ASSERT_TRUE(succeeded(traced_->commit()));
}

TEST_F(TracingTest, SaysItInEveryTextWhereNothingIsPrepared) {
  open(StatementMode::Unnamed);
  EXPECT_EQ(text_of(traced_->execute(kAskText, Params().int64(1))), kAskText.sql + kComment);
}

TEST_F(TracingTest, TellsHowEachExchangeEnded) {
  ASSERT_TRUE(succeeded(traced_->execute(kAskText, Params().int64(1))));
  EXPECT_EQ(tracer_.pid, traced_->backend_pid());
  EXPECT_FALSE(traced_->execute(std::string("SELECT 1 / 0")).ok());
  {
    Pipeline left(*traced_);
    left.add(kAskText, Params().int64(1));
    ASSERT_TRUE(succeeded(left.start()));
    traced_.reset();
  }
  EXPECT_THAT(tracer_.sizes, ElementsAre(1U, 1U, 1U));
  ASSERT_EQ(tracer_.ends.size(), 3U);
  EXPECT_EQ(tracer_.ends[0], "ok");
  EXPECT_NE(tracer_.ends[1], "ok");
  EXPECT_EQ(tracer_.ends[2], "dropped");
}

TEST_F(TracingTest, ShowsOtherSessionsWhoseTransactionIsOpen) {
  ASSERT_TRUE(succeeded(traced_->begin()));
  const auto seen = second_->execute("SELECT query FROM pg_stat_activity WHERE pid = " +
                                     std::to_string(traced_->backend_pid()));
  EXPECT_THAT(text_of(seen), HasSubstr(kComment));
  ASSERT_TRUE(succeeded(traced_->rollback()));
}

}  // namespace
}  // namespace weir::postgres
