// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/topics/memory_topic_rights.h"

#include <algorithm>

namespace weir::dagmanager {

Result<std::vector<TopicRight>> MemoryTopicRights::list() {
  const base::MutexLock lock(mutex_);
  return std::vector<TopicRight>(rights_.begin(), rights_.end());
}

Result<void> MemoryTopicRights::grant(std::span<const TopicRight> rights) {
  const base::MutexLock lock(mutex_);
  rights_.insert(rights.begin(), rights.end());
  return {};
}

Result<void> MemoryTopicRights::revoke(std::span<const TopicRight> rights) {
  const base::MutexLock lock(mutex_);
  for (const TopicRight& right : rights) rights_.erase(right);
  return {};
}

Result<void> MemoryTopicRights::revoke_all(std::span<const graph::TopicName> topics) {
  const base::MutexLock lock(mutex_);
  std::erase_if(rights_, [&](const TopicRight& right) {
    return std::ranges::find(topics, right.topic) != topics.end();
  });
  return {};
}

}  // namespace weir::dagmanager
