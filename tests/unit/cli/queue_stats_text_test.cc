// SPDX-License-Identifier: Apache-2.0
#include "cli/queue_stats_text.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

std::string filter(const std::string& tag, const std::string& interval) {
  const Result<std::string> made = queue_stats_filter(tag, interval);
  return made.ok() ? *made : made.error().reason();
}

TEST(QueueStatsFilter, ConvertsSpansToSeconds) {
  EXPECT_EQ(filter("", "1h"), "tag=;interval=3600");
  EXPECT_EQ(filter("indicator", "5m"), "tag=indicator;interval=300");
  EXPECT_EQ(filter("a,b", "30s"), "tag=a,b;interval=30");
  EXPECT_EQ(filter("", "24h"), "tag=;interval=86400");
}

TEST(QueueStatsFilter, LetsDigitsAndOtherTextPass) {
  EXPECT_EQ(filter("", "60"), "tag=;interval=60");
  EXPECT_EQ(filter("", "90000"), "tag=;interval=90000");
  EXPECT_EQ(filter("", "daily"), "tag=;interval=daily");
  EXPECT_EQ(filter("", "1.5h"), "tag=;interval=1.5h");
  EXPECT_EQ(filter("", "h"), "tag=;interval=h");
  EXPECT_EQ(filter("", ""), "tag=;interval=");
}

TEST(QueueStatsFilter, RefusesMoreThanADay) {
  EXPECT_EQ(filter("", "25h"), "interval_too_long");
  EXPECT_EQ(filter("", "86401s"), "interval_too_long");
  EXPECT_EQ(filter("", "99999999999999999999999m"), "interval_too_long");
}

TEST(QueueStatsJson, IsOneObject) {
  EXPECT_EQ(queue_stats_json({{"b", 2}, {"a", 0}}), "{\"a\":0,\"b\":2}\n");
  EXPECT_EQ(queue_stats_json({}), "{}\n");
}

TEST(QueueStatsText, IsATableThatEndsWithTheNumberOfTopics) {
  EXPECT_EQ(queue_stats_text({{"long_topic", 12}, {"t", 0}}),
            "long_topic  12\nt           0\n2 topics.\n");
  EXPECT_EQ(queue_stats_text({{"t", 3}}), "t  3\n1 topic.\n");
}

}  // namespace
}  // namespace weir::cli
