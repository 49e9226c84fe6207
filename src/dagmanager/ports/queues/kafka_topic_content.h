// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "dagmanager/ports/queues/topic_content.h"
#include "drivers/kafka/admin.h"
#include "drivers/kafka/range_reader.h"

namespace weir::dagmanager {

/// TopicContent of a Kafka cluster: what was committed. Offsets that transactions or compaction
/// have left without a message are passed over; a transaction that is open makes its partition
/// unreadable until it has ended. One reader at a time, whoever else asks waits for it.
class KafkaTopicContent final : public TopicContent {
 public:
  explicit KafkaTopicContent(std::shared_ptr<kafka::Client> client)
      : client_(std::move(client)), admin_(*client_) {}

  Result<std::vector<PartitionRange>> ranges(const graph::TopicName& topic) override;
  Result<std::vector<TopicMessage>> read(const graph::TopicName& topic, const ContentCursor& cursor,
                                         std::size_t limit) override WEIR_EXCLUDES(mutex_);

 private:
  const std::shared_ptr<kafka::Client> client_;
  const kafka::Admin admin_;
  base::Mutex mutex_;
  std::unique_ptr<kafka::RangeReader> reader_ WEIR_GUARDED_BY(mutex_);  // null: not needed yet
};

}  // namespace weir::dagmanager
