// SPDX-License-Identifier: Apache-2.0
#include "server/auth/fetched_keys.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

#include "tests/unit/server/auth/token_fixture.h"

namespace weir::auth {
namespace {

using std::chrono::seconds;

/// What is decided `since_tried` after the last try and `since_fetched` after the last success.
FetchDecision decided(seconds since_tried, seconds since_fetched, bool known) {
  const Duration now = seconds(100'000);
  return decide_fetch({.tried = now - since_tried, .fetched = now - since_fetched}, known, now);
}

TEST(DecideFetch, AsksWhenItHasNothing) {
  const FetchDecision first = decide_fetch({}, false, seconds(5));
  EXPECT_TRUE(first.fetch);
  EXPECT_FALSE(first.usable);
}

TEST(DecideFetch, AsksForAnUnknownKeyAtMostOnceInTenSeconds) {
  EXPECT_FALSE(decided(seconds(0), seconds(0), false).fetch);
  EXPECT_FALSE(decided(seconds(9), seconds(9), false).fetch);
  EXPECT_TRUE(decided(seconds(10), seconds(10), false).fetch);
  EXPECT_FALSE(decided(seconds(9), seconds(500), false).fetch);
}

TEST(DecideFetch, RefreshesAfterFiveMinutes) {
  EXPECT_FALSE(decided(seconds(299), seconds(299), true).fetch);
  EXPECT_TRUE(decided(seconds(300), seconds(300), true).fetch);
  EXPECT_FALSE(decided(seconds(5), seconds(305), true).fetch);  // the last one failed
}

TEST(DecideFetch, TrustsOldKeysForAnHour) {
  EXPECT_TRUE(decided(seconds(5), seconds(3599), true).usable);
  EXPECT_FALSE(decided(seconds(5), seconds(3600), true).usable);
}

class FetchedKeysTest : public testing::Test {
 protected:
  Result<KeySet> fetch() {
    ++fetches_;
    if (down_) return base::unavailable("unavailable", "down");
    return set_of(served_);
  }

  weir::test::HandClock clock_{Duration::zero(), kNow};
  std::vector<SigningKey> served_ = {a_new_key()};
  bool down_ = false;
  int fetches_ = 0;
  FetchedKeys keys_{[this] { return fetch(); }, clock_};
};

TEST_F(FetchedKeysTest, FetchesOnceForManyQuestions) {
  for (int round = 0; round < 100; ++round) EXPECT_TRUE(keys_.find(served_[0].id).ok());
  EXPECT_EQ(fetches_, 1);
}

TEST_F(FetchedKeysTest, MadeUpNamesCostOneFetchInTenSeconds) {
  for (int second = 0; second < 100; ++second) {
    for (int round = 0; round < 20; ++round) {
      const auto found = keys_.find(KeyId("made up " + std::to_string(round)));
      EXPECT_EQ(found.error().code(), Code::NotFound);
    }
    clock_.sleep_for(seconds(1));
  }
  EXPECT_EQ(fetches_, 10);
}

TEST_F(FetchedKeysTest, FindsAKeyThatCameLater) {
  EXPECT_TRUE(keys_.find(served_[0].id).ok());
  served_.push_back(a_new_key());
  EXPECT_EQ(keys_.find(served_[1].id).error().code(), Code::NotFound);
  clock_.sleep_for(seconds(10));
  EXPECT_TRUE(keys_.find(served_[1].id).ok());
  EXPECT_EQ(fetches_, 2);
}

TEST_F(FetchedKeysTest, ForgetsAKeyThatIsNoLongerServed) {
  const KeyId old = served_[0].id;
  EXPECT_TRUE(keys_.find(old).ok());
  served_ = {a_new_key()};
  clock_.sleep_for(seconds(299));
  EXPECT_TRUE(keys_.find(old).ok());
  clock_.sleep_for(seconds(1));
  EXPECT_EQ(keys_.find(old).error().code(), Code::NotFound);
}

TEST_F(FetchedKeysTest, KeepsItsKeysForAnHourWhenTheIssuerIsDown) {
  EXPECT_TRUE(keys_.find(served_[0].id).ok());
  down_ = true;
  clock_.sleep_for(seconds(3599));
  EXPECT_TRUE(keys_.find(served_[0].id).ok());
  clock_.sleep_for(seconds(1));
  EXPECT_EQ(keys_.find(served_[0].id).error().code(), Code::Unavailable);
  down_ = false;
  clock_.sleep_for(seconds(10));
  EXPECT_TRUE(keys_.find(served_[0].id).ok());
}

TEST_F(FetchedKeysTest, IsUnavailableUntilTheFirstFetchSucceeds) {
  down_ = true;
  EXPECT_EQ(keys_.find(served_[0].id).error().code(), Code::Unavailable);
  EXPECT_EQ(keys_.find(served_[0].id).error().code(), Code::Unavailable);
  EXPECT_EQ(fetches_, 1);
}

TEST_F(FetchedKeysTest, ThreadsThatComeTogetherShareOneFetch) {
  std::vector<std::thread> threads;
  std::vector<int> found(8, 0);
  threads.reserve(found.size());
  for (int& mine : found) {
    threads.emplace_back([this, &mine] { mine = keys_.find(served_[0].id).ok() ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(found, std::vector<int>(8, 1));
  EXPECT_EQ(fetches_, 1);
}

}  // namespace
}  // namespace weir::auth
