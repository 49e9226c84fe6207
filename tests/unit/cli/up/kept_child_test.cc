// SPDX-License-Identifier: Apache-2.0
#include "cli/up/kept_child.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>

#include <csignal>
#include <fstream>

#include "cli/up/limits.h"
#include "tests/hand_clock.h"

namespace weir::cli {
namespace {

class KeptChildTest : public testing::Test {
 protected:
  void SetUp() override {
    wakeup_ = *Wakeup::create();
    std::string pattern = testing::TempDir() + "weir-kept-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// A child that runs a shell script; ready when the test says so.
  std::unique_ptr<KeptChild> child(const std::string& script) {
    return std::make_unique<KeptChild>(
        KeptChildPlan{.name = "the child",
                      .process = {.argv = {"/bin/sh", "-c", script},
                                  .output_path = (folder_ / "log").string()},
                      .ready = [this] { return ready_; },
                      .log = folder_ / "log"},
        *wakeup_, clock_);
  }

  /// Waits until the child ended.
  void wait_for_wakeup() {
    pollfd watched{.fd = wakeup_->fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&watched, 1, 10'000), 1) << "the child did not end";
    wakeup_->clear();
  }

  weir::test::HandClock clock_;
  std::unique_ptr<Wakeup> wakeup_;
  std::filesystem::path folder_;
  bool ready_ = false;
};

constexpr const char* kRunsForEver = "exec tail -f /dev/null";

TEST_F(KeptChildTest, IsReadyWhenItSaysSo) {
  const auto kept = child(kRunsForEver);
  ASSERT_TRUE(kept->start().ok());
  EXPECT_EQ(*kept->tend(), KeptChild::News::None);
  EXPECT_EQ(*kept->due(), clock_.monotonic() + kReadyLook);
  ready_ = true;
  EXPECT_EQ(*kept->tend(), KeptChild::News::Ready);
  EXPECT_EQ(*kept->tend(), KeptChild::News::None);
  EXPECT_FALSE(kept->due()) << "a ready child is not polled";
  kept->stop();
  EXPECT_EQ(kept->last_end(), "signal 15");
}

TEST_F(KeptChildTest, IsStartedAgainAfterAWaitWhenItDies) {
  const auto kept = child("echo run >> " + (folder_ / "runs").string() + "; kill -9 $$");
  ASSERT_TRUE(kept->start().ok());
  wait_for_wakeup();
  EXPECT_EQ(*kept->tend(), KeptChild::News::Restarting);
  EXPECT_EQ(kept->last_end(), "signal 9");
  EXPECT_EQ(*kept->due(), clock_.monotonic() + kRestartWaitFirst);
  EXPECT_EQ(*kept->tend(), KeptChild::News::None) << "its wait is not over";
  clock_.sleep_for(kRestartWaitFirst);
  EXPECT_EQ(*kept->tend(), KeptChild::News::None);
  wait_for_wakeup();
  std::ifstream runs(folder_ / "runs");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(runs), {}), "run\nrun\n");
}

TEST_F(KeptChildTest, IsGivenUpSoonWhenItWasNeverReady) {
  std::ofstream(folder_ / "log") << "of an earlier run\n";
  const auto kept = child("echo cannot live; exit 1");
  ASSERT_TRUE(kept->start().ok());
  for (int i = 0; i < kRestartsBeforeReadyMax; ++i) {
    wait_for_wakeup();
    const auto news = kept->tend();
    ASSERT_TRUE(news.ok() && *news == KeptChild::News::Restarting);
    clock_.sleep_for(kRestartWaitMax);
    ASSERT_TRUE(kept->tend().ok());
  }
  wait_for_wakeup();
  const auto news = kept->tend();
  ASSERT_FALSE(news.ok());
  EXPECT_EQ(news.error().reason(), "child_failed");
  EXPECT_THAT(news.error().message(),
              testing::AllOf(testing::HasSubstr("the child died again and again (exit code 1)"),
                             testing::EndsWith(":\ncannot live\ncannot live\ncannot live")));
}

TEST_F(KeptChildTest, IsGivenUpWhenTheRestartsOfAReadyOneAreSpent) {
  const auto kept = child("read line < " + (folder_ / "gate").string() + "; exit 1");
  ASSERT_EQ(mkfifo((folder_ / "gate").c_str(), 0600), 0);
  ASSERT_TRUE(kept->start().ok());
  ready_ = true;
  for (int i = 0; i <= kRestartsMax; ++i) {
    const auto ready = kept->tend();
    ASSERT_TRUE(ready.ok() && *ready == KeptChild::News::Ready) << i;
    std::ofstream(folder_ / "gate") << "die\n";
    wait_for_wakeup();
    const auto news = kept->tend();
    ASSERT_EQ(news.ok(), i < kRestartsMax) << i;
    if (!news.ok()) break;
    clock_.sleep_for(kRestartWaitMax);
    ASSERT_TRUE(kept->tend().ok());
  }
}

TEST_F(KeptChildTest, IsGivenUpAtOnceWhenItRefusesItsConfiguration) {
  const auto kept = child("echo weir.yml is bad; exit 2");
  ASSERT_TRUE(kept->start().ok());
  wait_for_wakeup();
  const auto news = kept->tend();
  ASSERT_FALSE(news.ok());
  EXPECT_THAT(news.error().message(), testing::HasSubstr("weir.yml is bad"));
}

TEST_F(KeptChildTest, ThatIsNeverReadyIsStartedAgain) {
  const auto kept = child(kRunsForEver);
  ASSERT_TRUE(kept->start().ok());
  clock_.sleep_for(kReadyTimeout);
  EXPECT_EQ(*kept->tend(), KeptChild::News::Restarting);
  kept->stop();
}

TEST_F(KeptChildTest, StaysStopped) {
  const auto kept = child(kRunsForEver);
  ASSERT_TRUE(kept->start().ok());
  kept->stop();
  kept->stop();
  EXPECT_EQ(*kept->tend(), KeptChild::News::None);
  EXPECT_FALSE(kept->due());
}

TEST_F(KeptChildTest, ThatCannotBeStartedIsAFault) {
  KeptChild kept({.name = "none",
                  .process = {.argv = {(folder_ / "no-such-program").string()}},
                  .ready = [] { return false; },
                  .log = {}},
                 *wakeup_, clock_);
  const auto started = kept.start();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().reason(), "spawn_failed");
}

}  // namespace
}  // namespace weir::cli
