// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/queues/kafka_topic_content.h"

#include <algorithm>
#include <span>
#include <string>

namespace weir::dagmanager {
namespace {

Error content_error(Error error) {
  const Code code = error.code();
  if (code == Code::FailedPrecondition) return {code, "content_unreadable", error.message()};
  if (code == Code::DataLoss) return error;
  return {code == Code::DeadlineExceeded ? code : Code::Unavailable, "broker_unavailable",
          error.message()};
}

}  // namespace

Result<std::vector<PartitionRange>> KafkaTopicContent::ranges(const graph::TopicName& topic) {
  auto cluster = admin_.cluster();
  if (!cluster.ok()) return content_error(std::move(cluster).error());
  const auto found = std::ranges::find(cluster->topics, topic.text(), &kafka::Topic::name);
  if (found == cluster->topics.end()) {
    return Error(Code::NotFound, "topic_missing", "there is no topic " + topic.text());
  }
  auto ends = admin_.watermarks(std::span(&*found, 1));
  if (!ends.ok()) return content_error(std::move(ends).error());
  std::vector<PartitionRange> ranges;
  for (const kafka::PartitionEnds& one : ends->front()) {
    ranges.push_back(
        {.partition = static_cast<std::int32_t>(ranges.size()), .first = one.low, .end = one.high});
  }
  return ranges;
}

Result<std::vector<TopicMessage>> KafkaTopicContent::read(const graph::TopicName& topic,
                                                          const ContentCursor& cursor,
                                                          std::size_t limit) {
  const base::MutexLock lock(mutex_);
  if (!reader_) {
    auto made = kafka::RangeReader::create(*client_);
    if (!made.ok()) return std::move(made).error();
    reader_ = *std::move(made);
  }
  auto read = reader_->read({.topic = topic.text(),
                             .partition = cursor.partition,
                             .from = cursor.from,
                             .end = cursor.end},
                            limit);
  if (!read.ok()) return content_error(std::move(read).error());
  std::vector<TopicMessage> messages;
  messages.reserve(read->size());
  for (kafka::ReadMessage& one : *read) {
    messages.push_back({.partition = cursor.partition,
                        .offset = one.offset,
                        .timestamp_ms = one.timestamp_ms,
                        .key = std::move(one.key),
                        .value = std::move(one.value)});
  }
  return messages;
}

}  // namespace weir::dagmanager
