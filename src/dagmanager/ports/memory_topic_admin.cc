// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/memory_topic_admin.h"

#include <algorithm>

#include "dagmanager/ports/limits.h"

namespace weir::dagmanager {

Result<std::vector<CreateAnswer>> MemoryTopicAdmin::create(std::span<const TopicSpec> topics) {
  const std::scoped_lock lock(mutex_);
  std::vector<CreateAnswer> answers;
  answers.reserve(topics.size());
  for (const TopicSpec& spec : topics) {
    if (graph::illegal_topic(spec.topic.view())) {
      answers.push_back(CreateAnswer::Refused);
      continue;
    }
    const bool made =
        topics_.try_emplace({graph::topic_key(spec.topic).text(), spec.topic.text()}, spec.shape)
            .second;
    answers.push_back(made ? CreateAnswer::Created : CreateAnswer::AlreadyExists);
  }
  return answers;
}

Result<std::vector<TopicSeen>> MemoryTopicAdmin::look(std::span<const graph::TopicName> topics) {
  const std::scoped_lock lock(mutex_);
  std::vector<std::string> keys;
  keys.reserve(topics.size());
  for (const graph::TopicName& topic : topics) keys.push_back(graph::topic_key(topic).text());
  std::ranges::sort(keys);
  keys.erase(std::ranges::unique(keys).begin(), keys.end());
  std::vector<TopicSeen> seen;
  for (const std::string& key : keys) {
    for (auto at = topics_.lower_bound({key, ""}); at != topics_.end() && at->first.first == key;
         ++at) {
      seen.push_back({graph::TopicName(at->first.second), at->second});
    }
  }
  return seen;
}

Result<std::vector<TopicSeen>> MemoryTopicAdmin::list() {
  const std::scoped_lock lock(mutex_);
  std::vector<TopicSeen> seen;
  seen.reserve(topics_.size());
  for (const auto& [name, shape] : topics_) seen.push_back({graph::TopicName(name.second), shape});
  std::ranges::sort(seen, {}, &TopicSeen::topic);
  return seen;
}

Result<std::vector<std::optional<std::int64_t>>> MemoryTopicAdmin::sizes(
    std::span<const graph::TopicName> topics) {
  const std::scoped_lock lock(mutex_);
  std::vector<std::optional<std::int64_t>> sizes;
  sizes.reserve(topics.size());
  for (const graph::TopicName& topic : topics) {
    const bool there = topics_.contains({graph::topic_key(topic).text(), topic.text()});
    sizes.push_back(there ? std::optional<std::int64_t>(0) : std::nullopt);
  }
  return sizes;
}

Result<int> MemoryTopicAdmin::broker_count() { return kRegistryBrokers; }

}  // namespace weir::dagmanager
