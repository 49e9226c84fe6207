// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/queues/metrics_load_source.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::dagmanager {
namespace {

const std::string kName = "kafka_server_BrokerTopicMetrics_MessagesInPerSec";

TEST(ReadBrokerLoad, TakesTheSampleOfAllTopicsElseTheSum) {
  const std::string one = kName + "{topic=\"a\",} 10.5\n" + kName + "{topic=\"b\"} 2e1\n";
  EXPECT_EQ(read_broker_load(one), 30.5);
  EXPECT_EQ(read_broker_load("# HELP x\n" + one + kName + " 99 1700000000\n"), 99);
  EXPECT_EQ(read_broker_load(kName + "{name=\"all\"} 7"), 7);
}

TEST(ReadBrokerLoad, SaysNothingWhereThereIsNoSample) {
  EXPECT_EQ(read_broker_load(""), std::nullopt);
  EXPECT_EQ(read_broker_load("# TYPE " + kName + " gauge\n"), std::nullopt);
  EXPECT_EQ(read_broker_load(kName + "_total 5\n"), std::nullopt);
  EXPECT_EQ(read_broker_load(kName + " NaN\n" + kName + " much\n" + kName + "\n"), std::nullopt);
}

}  // namespace
}  // namespace weir::dagmanager
