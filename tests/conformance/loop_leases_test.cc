// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/loops/loop_leases.h"

#include <gmock/gmock.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dagmanager/ports/loops/limits.h"
#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "dagmanager/ports/loops/postgres_loop_leases.h"
#include "drivers/postgres/pipeline.h"
#include "tests/conformance/postgres_engine.h"
#include "tests/hand_clock.h"
#include "tests/must.h"

namespace weir::dagmanager {
namespace {

using test::Adapter;
using test::reason_of;
using test::succeeded;

/// Rows, and a way to let time pass for them.
class LeaseEngine {
 public:
  virtual ~LeaseEngine() = default;
  virtual LoopLeases& leases() = 0;
  virtual void pass(Duration time) = 0;
  /// What a transaction of the loop comes to: locked, looked at, ended.
  virtual Result<void> transact(const LoopFence& fence) = 0;
};

class MemoryLeaseEngine final : public LeaseEngine {
 public:
  LoopLeases& leases() override { return leases_; }
  void pass(Duration time) override { clock_.sleep_for(time); }
  Result<void> transact(const LoopFence& fence) override {
    WEIR_CHECK(leases_.lock(fence));
    return {};
  }

 private:
  weir::test::HandClock clock_;
  MemoryLoopLeases leases_{clock_};
};

class PostgresLeaseEngine final : public LeaseEngine {
 public:
  PostgresLeaseEngine() : instance_(graph_.instance()), leases_(instance_->pool()) {}
  LoopLeases& leases() override { return leases_; }
  void pass(Duration time) override {
    graph_.script("UPDATE weir_dagmanager.loop_lease SET until = until - interval '" +
                  std::to_string(time.count()) + " microseconds'");
  }
  Result<void> transact(const LoopFence& fence) override {
    WEIR_TRY(const auto connection, instance_->pool().acquire(std::chrono::seconds(5)));
    postgres::Pipeline pipeline(*connection);
    pipeline.begin();
    const std::size_t at = add_fence(pipeline, fence);
    WEIR_TRY(const auto results, pipeline.run());
    return judge_fence(results[at], fence);
  }

 private:
  test::PostgresGraph graph_;
  std::unique_ptr<test::PostgresInstance> instance_;
  PostgresLoopLeases leases_;
};

class LoopLeasesTest : public testing::TestWithParam<Adapter> {
 protected:
  LoopLeasesTest() {
    if (GetParam() == Adapter::Memory) {
      engine_ = std::make_unique<MemoryLeaseEngine>();
    } else {
      engine_ = std::make_unique<PostgresLeaseEngine>();
    }
  }

  std::vector<LoopLease> renew(const std::string& holder, std::vector<LoopClaim> claims) {
    auto leases = engine_->leases().renew(holder, claims);
    EXPECT_TRUE(succeeded(leases));
    return leases.ok() ? *std::move(leases) : std::vector<LoopLease>();
  }
  /// "<loop> <holder> <fence>" a row.
  std::vector<std::string> shown(const std::vector<LoopLease>& leases) {
    std::vector<std::string> texts;
    for (const LoopLease& lease : leases) {
      texts.push_back(lease.loop + " " + lease.holder + " " + std::to_string(lease.fence));
    }
    return texts;
  }

  std::unique_ptr<LeaseEngine> engine_;
};

TEST_P(LoopLeasesTest, GivesALoopToTheFirstWhoAsksAndKeepsItThere) {
  EXPECT_THAT(shown(renew("a", {{"lag"}, {"gc"}})), testing::ElementsAre("gc a 1", "lag a 1"));
  EXPECT_THAT(shown(renew("b", {{"gc"}, {"canary"}})),
              testing::ElementsAre("canary b 1", "gc a 1", "lag a 1"));
  const auto again = renew("a", {{"gc"}, {"lag"}});
  EXPECT_THAT(shown(again), testing::ElementsAre("canary b 1", "gc a 1", "lag a 1"));
  for (const LoopLease& lease : again) {
    EXPECT_GT(lease.left, std::chrono::seconds(5));
    EXPECT_LE(lease.left, kLoopLeaseTtl);
  }
  EXPECT_THAT(shown(renew("c", {})), testing::ElementsAre("canary b 1", "gc a 1", "lag a 1"))
      << "who claims nothing sees all";
}

TEST_P(LoopLeasesTest, GivesALapsedLoopToTheNextUnderTheNextFence) {
  renew("a", {{"gc"}, {"lag"}});
  engine_->pass(std::chrono::seconds(5));
  renew("a", {{"lag"}});
  engine_->pass(std::chrono::seconds(5));
  const auto seen = renew("c", {});
  EXPECT_LE(seen.front().left, Duration::zero());
  EXPECT_THAT(shown(renew("b", {{"gc"}, {"lag"}})), testing::ElementsAre("gc b 2", "lag a 1"));
  EXPECT_THAT(shown(renew("a", {{"gc"}, {"lag"}})), testing::ElementsAre("gc b 2", "lag a 1"));
  engine_->pass(kLoopLeaseTtl);
  EXPECT_THAT(shown(renew("b", {{"gc"}})), testing::ElementsAre("gc b 3", "lag a 1"))
      << "its own, lapsed: others may have thought it free";
}

TEST_P(LoopLeasesTest, GivesALoopToWhoSeizesItWhoeverHoldsIt) {
  renew("a", {{"gc"}, {"lag"}});
  const std::vector<std::string> loops{"reconciler", "gc"};
  const auto fences = engine_->leases().seize("c", loops);
  ASSERT_TRUE(succeeded(fences));
  EXPECT_THAT(*fences, testing::ElementsAre(LoopFence{"reconciler", 1}, LoopFence{"gc", 2}));
  EXPECT_THAT(shown(renew("a", {{"gc"}, {"lag"}})),
              testing::ElementsAre("gc c 2", "lag a 1", "reconciler c 1"));
  EXPECT_THAT(shown(renew("c", {{"gc"}, {"reconciler"}})),
              testing::ElementsAre("gc c 2", "lag a 1", "reconciler c 1"))
      << "and keeps it under the same fence";
  engine_->pass(kLoopLeaseTtl);
  EXPECT_THAT(shown(renew("a", {{"gc"}, {"lag"}})),
              testing::ElementsAre("gc a 3", "lag a 2", "reconciler c 1"))
      << "it lapses like any";
}

TEST_P(LoopLeasesTest, VoidsTheFencesOfRowsThatAreGivenBack) {
  renew("a", {{"gc"}});
  renew("b", {{"lag"}});
  ASSERT_TRUE(succeeded(engine_->leases().give_back("a")));
  EXPECT_EQ(reason_of(engine_->transact({"gc", 1})), "loop_lost");
  EXPECT_EQ(reason_of(engine_->transact({"lag", 1})), "ok");
  EXPECT_THAT(shown(renew("b", {{"gc"}, {"lag"}})), testing::ElementsAre("gc b 3", "lag b 1"));
}

TEST_P(LoopLeasesTest, LetsOnlyTheHoldersFenceThrough) {
  EXPECT_EQ(reason_of(engine_->transact({"gc", 1})), "loop_lost") << "nobody's yet";
  renew("a", {{"gc"}});
  EXPECT_EQ(reason_of(engine_->transact({"gc", 1})), "ok");
  EXPECT_EQ(reason_of(engine_->transact({"gc", 2})), "loop_lost");
  engine_->pass(kLoopLeaseTtl);
  EXPECT_EQ(reason_of(engine_->transact({"gc", 1})), "ok") << "lapsed, and nobody took it";
  renew("b", {{"gc"}});
  EXPECT_EQ(reason_of(engine_->transact({"gc", 1})), "loop_lost");
  EXPECT_EQ(reason_of(engine_->transact({"gc", 2})), "ok");
}

TEST_P(LoopLeasesTest, PassesOnWhenALoopRanLast) {
  const Instant ran{std::chrono::hours(480'000)};
  EXPECT_FALSE(renew("a", {{"gc"}}).front().last_run);
  EXPECT_EQ(renew("a", {{"gc", ran}}).front().last_run, ran);
  EXPECT_EQ(renew("b", {{"gc", ran + std::chrono::hours(1)}}).front().last_run, ran)
      << "who does not hold it cannot have run it";
  EXPECT_EQ(renew("a", {{"gc"}}).front().last_run, ran);
}

TEST_P(LoopLeasesTest, GivesEachLoopToOneOfManyWhoAskAtOnce) {
  for (int round = 1; round <= 10; ++round) {
    std::atomic<int> held = 0;
    std::vector<std::thread> instances;
    for (int i = 0; i < 8; ++i) {
      instances.emplace_back([&, i] {
        const std::string name = std::to_string(i);
        std::vector<LoopClaim> claims = {{"gc"}, {"lag"}, {"canary"}};
        if (i % 2 == 0) std::ranges::reverse(claims);
        const auto leases = engine_->leases().renew(name, claims);
        ASSERT_TRUE(succeeded(leases));
        held += static_cast<int>(std::ranges::count(*leases, name, &LoopLease::holder));
      });
    }
    for (std::thread& instance : instances) instance.join();
    EXPECT_EQ(held, 3);
    const auto after = renew("nobody", {});
    for (const LoopLease& lease : after) EXPECT_EQ(lease.fence, round);
    engine_->pass(kLoopLeaseTtl);
  }
}

INSTANTIATE_TEST_SUITE_P(Adapters, LoopLeasesTest, test::all_adapters(), test::adapter_name);

}  // namespace
}  // namespace weir::dagmanager
