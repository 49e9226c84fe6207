// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/queues/guarded_archive_store.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "dagmanager/ports/queues/folder_archive_store.h"
#include "server/breaker_prober.h"
#include "tests/hand_clock.h"
#include "tests/must.h"

namespace weir::dagmanager {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A real folder, which fails while it is put aside, behind a breaker with its probes, in virtual
/// time.
class GuardedArchiveStoreTest : public testing::Test {
 protected:
  GuardedArchiveStoreTest()
      : folder_(std::filesystem::path(testing::TempDir()) /
                ("guarded" + std::to_string(::getpid()))),
        store_(test::must(FolderArchiveStore::open(folder_ / "inner")), breaker_) {
    prober_.add(breaker_, [this] { return store_.ping(); }, [this] { ++opened_; });
  }
  ~GuardedArchiveStoreTest() override { std::filesystem::remove_all(folder_); }

  void fail() { std::filesystem::rename(folder_ / "inner", folder_ / "aside"); }
  void heal() { std::filesystem::rename(folder_ / "aside", folder_ / "inner"); }

  Result<void> write(const std::string& name) {
    WEIR_TRY(const auto writer, store_.begin(name));
    WEIR_CHECK(writer->append("bytes"));
    return writer->finish();
  }
  static std::string reason(const Result<void>& outcome) {
    return outcome.ok() ? "ok" : outcome.error().reason();
  }
  Result<void> read(const std::string& name) {
    return store_.read(name, [](std::string_view) -> Result<void> { return {}; });
  }
  void open_it() {
    fail();
    for (int i = 0; i < 3; ++i) EXPECT_EQ(reason(write("a")), "archive_unavailable");
    ASSERT_EQ(breaker_.state(), server::BreakerState::Open);
  }

  std::filesystem::path folder_;
  test::HandClock clock_;
  server::Breaker breaker_{"archive", clock_};
  server::BreakerProber prober_{clock_};
  GuardedArchiveStore store_;
  int opened_ = 0;
};

TEST_F(GuardedArchiveStoreTest, OpensAfterThreeFailuresInARowAndFailsAtOnceFromThenOn) {
  EXPECT_EQ(reason(write("a")), "ok");
  fail();
  EXPECT_EQ(reason(write("a")), "archive_unavailable");
  EXPECT_EQ(reason(write("a")), "archive_unavailable");
  EXPECT_EQ(breaker_.state(), server::BreakerState::Closed);
  EXPECT_EQ(reason(write("a")), "archive_unavailable");
  EXPECT_EQ(breaker_.state(), server::BreakerState::Open);
  EXPECT_EQ(opened_, 1);
  heal();
  const auto refused = write("a");
  EXPECT_EQ(reason(refused), "archive_unavailable");
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("breaker_open"));
  EXPECT_EQ(reason(read("a")), "archive_unavailable");
}

TEST_F(GuardedArchiveStoreTest, IsProbedAfterOneTwoFourEightSecondsAndClosesOnceItHeals) {
  open_it();
  for (const int wait : {1, 2, 4, 8, 8, 8}) {
    clock_.sleep_for(seconds(wait) - milliseconds(1));
    prober_.run_once();
    EXPECT_EQ(breaker_.state(), server::BreakerState::Open) << wait;
    clock_.sleep_for(milliseconds(1));
    prober_.run_once();
    EXPECT_EQ(breaker_.state(), server::BreakerState::Open) << "the probe fails after " << wait;
  }
  heal();
  clock_.sleep_for(seconds(8));
  EXPECT_EQ(prober_.run_once(), std::nullopt);
  EXPECT_EQ(breaker_.state(), server::BreakerState::Closed);
  EXPECT_EQ(reason(write("a")), "ok");
  EXPECT_EQ(reason(read("a")), "ok");
  EXPECT_EQ(breaker_.times_opened(), 1U);
}

TEST_F(GuardedArchiveStoreTest, DoesNotTakeARefusalForAFailure) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(reason(write("../name")), "name_illegal");
    EXPECT_EQ(reason(read("missing")), "archive_missing");
  }
  EXPECT_EQ(reason(write("a")), "ok");
  for (int i = 0; i < 5; ++i) {
    const auto ended = store_.read("a", [](std::string_view) -> Result<void> {
      return base::unavailable("mine", "the reader's own");
    });
    EXPECT_EQ(reason(ended), "mine");
  }
  EXPECT_EQ(breaker_.state(), server::BreakerState::Closed);
}

TEST_F(GuardedArchiveStoreTest, CountsAnObjectThatCannotBeFinished) {
  for (int i = 0; i < 3; ++i) {
    auto writer = test::must(store_.begin("a"));
    fail();
    EXPECT_EQ(reason(writer->finish()), "archive_unavailable");
    heal();
  }
  EXPECT_EQ(breaker_.state(), server::BreakerState::Open);
}

TEST_F(GuardedArchiveStoreTest, LeavesNothingBehindByItsProbes) {
  EXPECT_TRUE(store_.ping().ok());
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "inner"));
}

}  // namespace
}  // namespace weir::dagmanager
