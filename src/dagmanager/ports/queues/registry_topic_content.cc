// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/queues/registry_topic_content.h"

#include <algorithm>
#include <array>
#include <string>

namespace weir::dagmanager {

Result<std::vector<PartitionRange>> RegistryTopicContent::ranges(const graph::TopicName& topic) {
  const std::array<graph::TopicName, 1> names = {topic};
  WEIR_TRY(const auto sizes, topics_.sizes(names));
  WEIR_TRY(const auto seen, topics_.look(names));
  const auto found = std::ranges::find(seen, topic, &TopicSeen::topic);
  if (!sizes.front() || found == seen.end()) {
    return Error(Code::NotFound, "topic_missing", "there is no topic " + topic.text());
  }
  if (*sizes.front() != 0) {
    return base::failed_precondition(
        "content_unreadable", "topic " + topic.text() + " holds " + std::to_string(*sizes.front()) +
                                  " messages, and only a broker can give them");
  }
  std::vector<PartitionRange> ranges;
  ranges.reserve(static_cast<std::size_t>(found->shape.partitions));
  for (int partition = 0; partition < found->shape.partitions; ++partition) {
    ranges.push_back({.partition = partition, .first = 0, .end = 0});
  }
  return ranges;
}

Result<std::vector<TopicMessage>> RegistryTopicContent::read(const graph::TopicName& /*topic*/,
                                                             const ContentCursor& /*cursor*/,
                                                             std::size_t /*limit*/) {
  return std::vector<TopicMessage>();
}

}  // namespace weir::dagmanager
