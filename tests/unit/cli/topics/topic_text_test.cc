// SPDX-License-Identifier: Apache-2.0
#include "cli/topics/topic_text.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

dagmanager::TopicLogRow a_row() {
  dagmanager::TopicLogRow row;
  row.topic = graph::TopicName("w1.live.btc_Raw_01234567_v1");
  row.action = "create";
  row.type = graph::TopicType::Raw;
  row.shape = {.partitions = 3, .replication = 2, .retention_ms = 1000, .cleanup = "delete"};
  row.node_id = "blake3:01";
  row.binding_key = "key";
  row.actor = "cli:me";
  row.cause = "run:restore-1";
  row.result = "ok";
  row.at = Instant(std::chrono::microseconds(1'500'000));
  return row;
}

TEST(TopicText, WritesARowOfTheLogAsOneLineOfJson) {
  EXPECT_EQ(log_json(7, a_row()),
            R"({"seq":7,"at":"1970-01-01T00:00:01.500000Z","topic":"w1.live.btc_Raw_01234567_v1",)"
            R"("action":"create","shape":{"type":"raw","partitions":3,"replication":2,)"
            R"("retention_ms":1000,"cleanup":"delete"},"node_id":"blake3:01","binding_key":"key",)"
            R"("actor":"cli:me","cause":"run:restore-1","result":"ok"})"
            "\n");
}

TEST(TopicText, WritesARowForPeople) {
  EXPECT_EQ(log_line(7, a_row()),
            "7  1970-01-01T00:00:01.500Z  create  w1.live.btc_Raw_01234567_v1  ok  by cli:me, "
            "run:restore-1\n");
}

TEST(TopicText, WritesWhatBecameOfATopic) {
  dagmanager::RestoredTopic topic{graph::TopicName("t"), "rebound"};
  EXPECT_EQ(restored_json(topic), "{\"topic\":\"t\",\"outcome\":\"rebound\",\"archive\":null}\n");
  EXPECT_EQ(restored_line(topic), "rebound  t\n");
  EXPECT_FALSE(topic.done());
  topic.archive = "t-20261001T000000";
  EXPECT_EQ(restored_json(topic),
            "{\"topic\":\"t\",\"outcome\":\"rebound\",\"archive\":\"t-20261001T000000\"}\n");
  EXPECT_EQ(restored_line(topic), "rebound  t  archived as t-20261001T000000\n");
}

}  // namespace
}  // namespace weir::cli
