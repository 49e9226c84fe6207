// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/internal_api/worker_tokens.h"

#include <gtest/gtest.h>

#include "server/system_clock.h"

namespace weir::dispatcher {
namespace {

class WorkerTokensTest : public testing::Test {
 protected:
  void present() { EXPECT_FALSE(tokens_.check("none of them").ok()); }

  server::SystemClock clock_;
  int reads_ = 0;
  WorkerTokens tokens_{[this]() -> Result<std::vector<auth::StoredWorkerToken>> {
                         ++reads_;
                         return std::vector<auth::StoredWorkerToken>();
                       },
                       clock_};
};

TEST_F(WorkerTokensTest, AreReadWhenOneIsPresented) {
  EXPECT_EQ(reads_, 0);
  present();
  present();
  EXPECT_EQ(reads_, 1);
}

TEST_F(WorkerTokensTest, AreReadAgainOnceTheyAreKnownToHaveChanged) {
  present();
  tokens_.confirm("a");
  present();
  EXPECT_EQ(reads_, 2) << "what they were like before is not known";
  tokens_.confirm("a");
  present();
  EXPECT_EQ(reads_, 2);
  tokens_.confirm("b");
  tokens_.confirm("b");
  present();
  present();
  EXPECT_EQ(reads_, 3);
}

}  // namespace
}  // namespace weir::dispatcher
