// SPDX-License-Identifier: Apache-2.0
#include "cli/client/diff_collector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::cli {
namespace {

wire::DiffChunk chunk(std::uint32_t index, std::uint32_t count) {
  wire::DiffChunk made;
  made.set_chunk_index(index);
  made.set_chunk_count(count);
  made.set_crc32(7);
  made.set_sentinel_id("s-sentinel");
  made.set_version("v1");
  made.set_answer("answer");
  const std::string number = std::to_string(index);
  (*made.mutable_queue_map())["key" + number] = "topic" + number;
  made.add_buffer_nodes()->set_node_id("node" + number);
  return made;
}

std::string reason(const Result<void>& result) {
  return result.ok() ? "" : result.error().reason();
}

TEST(DiffCollector, PutsChunksTogether) {
  DiffCollector collector;
  EXPECT_FALSE(collector.complete());
  ASSERT_TRUE(collector.add(chunk(1, 2)).ok());
  EXPECT_FALSE(collector.complete());
  ASSERT_TRUE(collector.add(chunk(2, 2)).ok());
  ASSERT_TRUE(collector.complete());
  const DiffOutcome outcome = std::move(collector).take();
  EXPECT_THAT(outcome.queue_map, testing::ElementsAre(testing::Pair("key1", "topic1"),
                                                      testing::Pair("key2", "topic2")));
  EXPECT_THAT(outcome.buffered, testing::ElementsAre("node1", "node2"));
  EXPECT_EQ(outcome.sentinel_id, "s-sentinel");
  EXPECT_EQ(outcome.version, "v1");
  EXPECT_EQ(outcome.crc32, 7U);
}

TEST(DiffCollector, TakesARepeatedChunkOnce) {
  DiffCollector collector;
  ASSERT_TRUE(collector.add(chunk(1, 2)).ok());
  ASSERT_TRUE(collector.add(chunk(1, 2)).ok());
  ASSERT_TRUE(collector.add(chunk(2, 2)).ok());
  EXPECT_THAT(std::move(collector).take().buffered, testing::ElementsAre("node1", "node2"));
}

TEST(DiffCollector, RefusesAGap) {
  DiffCollector collector;
  EXPECT_EQ(reason(collector.add(chunk(2, 3))), "chunk_missing");
  ASSERT_TRUE(collector.add(chunk(1, 3)).ok());
  EXPECT_EQ(reason(collector.add(chunk(3, 3))), "chunk_missing");
}

TEST(DiffCollector, RefusesChunksOfAnotherGraph) {
  DiffCollector collector;
  ASSERT_TRUE(collector.add(chunk(1, 2)).ok());
  wire::DiffChunk other = chunk(2, 2);
  other.set_crc32(8);
  EXPECT_EQ(reason(collector.add(other)), "crc32_differs");
  other.clear_crc32();
  EXPECT_EQ(reason(collector.add(other)), "crc32_missing");
}

TEST(DiffCollector, TakesACrcOfZero) {
  DiffCollector collector;
  wire::DiffChunk empty = chunk(1, 1);
  empty.set_crc32(0);
  EXPECT_TRUE(collector.add(empty).ok());
}

TEST(DiffCollector, ResumesAfterWhatItHas) {
  DiffCollector collector;
  wire::DiffRequest request;
  collector.resume(request);
  EXPECT_EQ(request.ByteSizeLong(), 0U);
  ASSERT_TRUE(collector.add(chunk(1, 3)).ok());
  ASSERT_TRUE(collector.add(chunk(2, 3)).ok());
  collector.resume(request);
  EXPECT_EQ(request.resume_sentinel_id(), "s-sentinel");
  EXPECT_EQ(request.resume_after_chunk(), 2U);
  EXPECT_EQ(request.resume_answer(), "answer");
}

TEST(DiffCollector, ForgetsEverythingWhenCleared) {
  DiffCollector collector;
  ASSERT_TRUE(collector.add(chunk(1, 1)).ok());
  collector.clear();
  EXPECT_FALSE(collector.complete());
  wire::DiffRequest request;
  collector.resume(request);
  EXPECT_EQ(request.ByteSizeLong(), 0U);
}

TEST(DiffCollector, TakesUnnumberedChunksInOrder) {
  DiffCollector collector;
  wire::DiffChunk plain = chunk(0, 0);
  ASSERT_TRUE(collector.add(plain).ok());
  EXPECT_TRUE(collector.complete());
  plain.mutable_queue_map()->clear();
  (*plain.mutable_queue_map())["other"] = "topic";
  ASSERT_TRUE(collector.add(plain).ok());
  EXPECT_EQ(std::move(collector).take().queue_map.size(), 2U);
}

TEST(DiffCollector, KeepsDecisionsAndWarnings) {
  DiffCollector collector;
  wire::DiffChunk made = chunk(1, 1);
  made.add_warnings("careful");
  auto* decision = made.add_decisions();
  decision->set_node_id("n");
  decision->set_decision("bind");
  decision->set_topic("t");
  decision->set_compute_key("c");
  decision->set_reason("r");
  ASSERT_TRUE(collector.add(made).ok());
  const DiffOutcome outcome = std::move(collector).take();
  EXPECT_THAT(outcome.warnings, testing::ElementsAre("careful"));
  ASSERT_EQ(outcome.plan.size(), 1U);
  EXPECT_EQ(outcome.plan[0].node_id + outcome.plan[0].decision + outcome.plan[0].topic +
                outcome.plan[0].compute_key + outcome.plan[0].reason,
            "nbindtcr");
}

}  // namespace
}  // namespace weir::cli
