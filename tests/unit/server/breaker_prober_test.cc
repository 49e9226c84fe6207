// SPDX-License-Identifier: Apache-2.0
#include "server/breaker_prober.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "server/system_clock.h"
#include "tests/hand_clock.h"

namespace weir::server {
namespace {

using std::chrono::seconds;

void open(Breaker& breaker) {
  for (int i = 0; i < 3; ++i) breaker.failed();
}

TEST(BreakerProber, ProbesByTheScheduleUntilTheEngineIsBack) {
  test::HandClock clock;
  Breaker breaker("graph", clock);
  BreakerProber prober(clock);
  bool back = false;
  std::vector<Duration> probes;
  prober.add(
      breaker,
      [&]() -> Result<void> {
        probes.push_back(clock.monotonic());
        if (back) return {};
        return base::unavailable("graph_unavailable", "no store");
      },
      [] {});
  EXPECT_FALSE(prober.run_once()) << "nothing to do while it is closed";
  open(breaker);
  const Duration opened = clock.monotonic();
  for (int i = 0; i < 5; ++i) {
    const auto due = prober.run_once();
    ASSERT_TRUE(due);
    clock.sleep_for(*due - clock.monotonic());
  }
  back = true;
  EXPECT_FALSE(prober.run_once());
  EXPECT_EQ(breaker.state(), BreakerState::Closed);
  const std::vector<Duration> expected = {opened + seconds(1), opened + seconds(3),
                                          opened + seconds(7), opened + seconds(15),
                                          opened + seconds(23)};
  EXPECT_EQ(probes, expected);
}

TEST(BreakerProber, ProbesEachEngineByItself) {
  test::HandClock clock;
  Breaker one("one", clock);
  Breaker other("other", clock);
  BreakerProber prober(clock);
  int asked = 0;
  prober.add(one, []() -> Result<void> { return {}; }, [] {});
  prober.add(
      other,
      [&]() -> Result<void> {
        ++asked;
        return {};
      },
      [] {});
  open(one);
  clock.sleep_for(seconds(1));
  EXPECT_FALSE(prober.run_once());
  EXPECT_EQ(asked, 0);
  EXPECT_TRUE(one.admit().ok());
}

TEST(BreakerProberThread, WakesWhenABreakerOpens) {
  SystemClock clock;
  Breaker breaker("graph", clock);
  BreakerProber prober(clock);
  std::atomic<int> opened = 0;
  std::atomic<int> probed = 0;
  prober.add(
      breaker,
      [&]() -> Result<void> {
        ++probed;
        probed.notify_all();
        return {};
      },
      [&] { ++opened; });
  prober.start();
  open(breaker);
  probed.wait(0);
  prober.stop();
  EXPECT_EQ(opened, 1);
  EXPECT_EQ(breaker.state(), BreakerState::Closed);
}

}  // namespace
}  // namespace weir::server
