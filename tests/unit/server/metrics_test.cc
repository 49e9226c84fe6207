// SPDX-License-Identifier: Apache-2.0
#include "server/metrics.h"

#include <gmock/gmock.h>

#include <thread>

namespace weir::server {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Metrics, IsEmptyUntilSomethingFeedsIt) {
  Metrics metrics;
  EXPECT_EQ(metrics.text(), "");
}

TEST(Metrics, ExposesCountersGaugesAndHistograms) {
  Metrics metrics;
  metrics.counter({"diffs_total", "Diffs."}).Increment();
  metrics.counter({"diffs_total", "Diffs."}).Increment();
  metrics.gauge({"epoch", "Epoch."}, {{"store", "a"}}).Set(7);
  Histogram& histogram = metrics.histogram({"diff_ms", "Took."}, {1, 10});
  histogram.Observe(5);
  histogram.Observe(50);
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("# HELP diffs_total Diffs.\n# TYPE diffs_total counter\n"
                              "diffs_total 2\n"));
  EXPECT_THAT(text, HasSubstr("epoch{store=\"a\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("diff_ms_count 2\n"));
  EXPECT_THAT(text, HasSubstr("diff_ms_bucket{le=\"1\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("diff_ms_bucket{le=\"10\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("diff_ms_bucket{le=\"+Inf\"} 2\n"));
}

TEST(Metrics, ReplacesAllSamplesOfAGauge) {
  Metrics metrics;
  const MetricName name = {"cache_bytes", "Bytes."};
  metrics.replace_gauges(name, {{{{"node", "a"}}, 1}, {{{"node", "b"}}, 2}});
  EXPECT_THAT(metrics.text(), HasSubstr("cache_bytes{node=\"a\"} 1\n"));
  metrics.replace_gauges(name, {{{{"node", "b"}}, 3}});
  EXPECT_THAT(metrics.text(), HasSubstr("cache_bytes{node=\"b\"} 3\n"));
  EXPECT_THAT(metrics.text(), Not(HasSubstr("node=\"a\"")));
  metrics.replace_gauges(name, {});
  EXPECT_EQ(metrics.text(), "");
}

TEST(Metrics, RefreshesBeforeEachExposition) {
  Metrics metrics;
  int reads = 0;
  metrics.before_exposition([&] { metrics.gauge({"reads", "Reads."}).Set(++reads); });
  EXPECT_THAT(metrics.text(), HasSubstr("\nreads 1\n"));
  EXPECT_THAT(metrics.text(), HasSubstr("\nreads 2\n"));
}

TEST(Metrics, EscapesLabelValues) {
  Metrics metrics;
  metrics.counter({"c", "C."}, {{"l", "a\"b\\c\nd"}}).Increment();
  EXPECT_THAT(metrics.text(), HasSubstr(R"(c{l="a\"b\\c\nd"} 1)"));
}

TEST(Metrics, CountsFromManyThreads) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&metrics] {
      for (int round = 0; round < 1000; ++round) metrics.counter({"c", "C."}).Increment();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(metrics.text(), HasSubstr("\nc 4000\n"));
}

TEST(MetricsDeathTest, StopsOnTwoKindsUnderOneName) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  Metrics metrics;
  metrics.counter({"c", "C."});
  EXPECT_DEATH(metrics.gauge({"c", "C."}), "assertion failed");
  EXPECT_DEATH(metrics.counter({"not a name", "C."}), "assertion failed");
}

TEST(CappedCounters, CountsWhatComesLateAsOther) {
  Metrics metrics;
  CappedCounters counters(metrics, {"hits_total", "Hits."}, 2);
  for (const std::string node : {"a", "b", "c", "a", "d"}) {
    counters.with({{"node", node}, {"world", "w"}}).Increment();
  }
  const std::string text = metrics.text();
  EXPECT_THAT(text, HasSubstr("hits_total{node=\"a\",world=\"w\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("hits_total{node=\"b\",world=\"w\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("hits_total{node=\"other\",world=\"other\"} 2\n"));
  EXPECT_THAT(text, Not(HasSubstr("\"c\"")));
}

TEST(CappedCounters, IsAbsentUntilItCounts) {
  Metrics metrics;
  CappedCounters counters(metrics, {"hits_total", "Hits."});
  EXPECT_EQ(metrics.text(), "");
}

}  // namespace
}  // namespace weir::server
