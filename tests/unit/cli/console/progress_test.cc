// SPDX-License-Identifier: Apache-2.0
#include "cli/console/progress.h"

#include <gtest/gtest.h>

#include <optional>

namespace weir::cli {
namespace {

using std::chrono::seconds;

/// Starts at zero and stands at `later` from the second look on; tells when it was looked at often.
class JumpingClock final : public Clock {
 public:
  explicit JumpingClock(Duration later) : later_(later) {}

  Instant now() const override { return {}; }
  Duration monotonic() const override {
    const base::MutexLock lock(mutex_);
    ++looks_;
    looked_.notify_all();
    return looks_ == 1 ? Duration::zero() : later_;
  }
  void sleep_for(Duration) override {}

  void wait_for_looks(int count) const {
    const base::MutexLock lock(mutex_);
    while (looks_ < count) looked_.wait(mutex_);
  }

 private:
  const Duration later_;
  mutable base::Mutex mutex_;
  mutable base::CondVar looked_;
  mutable int looks_ WEIR_GUARDED_BY(mutex_) = 0;
};

/// What is said of a wait that stands at `later` after its start.
std::string said_after(Duration later, int looks) {
  testing::internal::CaptureStderr();
  {
    const JumpingClock clock(later);
    Progress progress("planning dag.json", clock);
    clock.wait_for_looks(looks);
  }
  return testing::internal::GetCapturedStderr();
}

TEST(Progress, IsSilentForASecond) { EXPECT_EQ(said_after(std::chrono::milliseconds(999), 2), ""); }

TEST(Progress, SaysWhatIsWaitedForAndHowLong) {
  // The first look is the start, the second finds that it is time, the third makes the line.
  EXPECT_EQ(said_after(seconds(5), 3), "planning dag.json … 5 s\n");
}

TEST(Progress, SaysALineOfItsOwnMeanwhile) {
  testing::internal::CaptureStderr();
  {
    const JumpingClock clock(Duration::zero());
    Progress progress("starting", clock);
    progress.say("a child died");
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "a child died\n");
}

}  // namespace
}  // namespace weir::cli
