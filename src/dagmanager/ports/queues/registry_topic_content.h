// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "dagmanager/ports/queues/topic_content.h"
#include "dagmanager/ports/topic_admin.h"

namespace weir::dagmanager {

/// The content of topics that are names with a shape (the registry in PostgreSQL, or memory): none,
/// and the registry is asked each time whether that is so. One that does hold messages is refused,
/// never taken for empty.
class RegistryTopicContent final : public TopicContent {
 public:
  explicit RegistryTopicContent(TopicAdmin& topics) : topics_(topics) {}

  Result<std::vector<PartitionRange>> ranges(const graph::TopicName& topic) override;
  Result<std::vector<TopicMessage>> read(const graph::TopicName& topic, const ContentCursor& cursor,
                                         std::size_t limit) override;

 private:
  TopicAdmin& topics_;
};

}  // namespace weir::dagmanager
