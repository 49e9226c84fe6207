// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/memory_topic_admin.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "dagmanager/ports/limits.h"

namespace weir::dagmanager {

std::string_view MemoryTopicAdmin::name_of(const Topic& topic) {
  return PackedReader(reinterpret_cast<const char*>(&topic + 1)).raw();
}

MemoryTopicAdmin::Topic* MemoryTopicAdmin::first_of(const graph::TopicKey& key) const {
  const auto found = topics_.find(key);
  return found == topics_.end() ? nullptr : *found;
}

MemoryTopicAdmin::Topic* MemoryTopicAdmin::find(const graph::TopicName& name) const {
  Topic* topic = first_of(graph::topic_key(name));
  while (topic != nullptr && name_of(*topic) != name.view()) topic = topic->same_key;
  return topic;
}

MemoryTopicAdmin::Topic* MemoryTopicAdmin::keep(const TopicSpec& spec, Topic* same_key) {
  std::string packed;
  PackedWriter(packed)
      .raw(spec.topic.view())
      .integer(spec.shape.partitions)
      .integer(spec.shape.replication)
      .integer(spec.shape.retention_ms)
      .number(cleanups_.id_of(spec.shape.cleanup));
  char* piece = arena_.take(sizeof(Topic) + packed.size());
  std::ranges::copy(packed, piece + sizeof(Topic));
  return new (piece) Topic{same_key, sizeof(Topic) + packed.size()};
}

TopicSeen MemoryTopicAdmin::seen(const Topic& topic) const {
  PackedReader reader(reinterpret_cast<const char*>(&topic + 1));
  TopicSeen seen;
  seen.topic = graph::TopicName(reader.raw());
  seen.shape.partitions = static_cast<int>(reader.integer());
  seen.shape.replication = static_cast<int>(reader.integer());
  seen.shape.retention_ms = reader.integer();
  seen.shape.cleanup = cleanups_.text(static_cast<TextId>(reader.number()));
  return seen;
}

Result<std::vector<CreateAnswer>> MemoryTopicAdmin::create(std::span<const TopicSpec> topics) {
  const std::scoped_lock lock(mutex_);
  std::vector<CreateAnswer> answers;
  answers.reserve(topics.size());
  for (const TopicSpec& spec : topics) {
    if (graph::illegal_topic(spec.topic.view())) {
      answers.push_back(CreateAnswer::Refused);
      continue;
    }
    if (find(spec.topic) != nullptr) {
      answers.push_back(CreateAnswer::AlreadyExists);
      continue;
    }
    Topic* same_key = first_of(graph::topic_key(spec.topic));
    if (same_key != nullptr) topics_.erase(same_key);
    topics_.insert(keep(spec, same_key));
    answers.push_back(CreateAnswer::Created);
  }
  return answers;
}

Result<std::vector<TopicSeen>> MemoryTopicAdmin::look(std::span<const graph::TopicName> topics) {
  const std::scoped_lock lock(mutex_);
  std::vector<graph::TopicKey> keys;
  keys.reserve(topics.size());
  for (const graph::TopicName& topic : topics) keys.push_back(graph::topic_key(topic));
  std::ranges::sort(keys);
  keys.erase(std::ranges::unique(keys).begin(), keys.end());
  std::vector<TopicSeen> found;
  for (const graph::TopicKey& key : keys) {
    for (const Topic* at = first_of(key); at != nullptr; at = at->same_key) {
      found.push_back(seen(*at));
    }
  }
  return found;
}

Result<std::vector<TopicSeen>> MemoryTopicAdmin::list() {
  const std::scoped_lock lock(mutex_);
  std::vector<TopicSeen> all;
  all.reserve(topics_.size());
  for (const Topic* first : topics_) {
    for (const Topic* at = first; at != nullptr; at = at->same_key) all.push_back(seen(*at));
  }
  std::ranges::sort(all, {}, &TopicSeen::topic);
  return all;
}

Result<std::vector<std::optional<std::int64_t>>> MemoryTopicAdmin::sizes(
    std::span<const graph::TopicName> topics) {
  const std::scoped_lock lock(mutex_);
  std::vector<std::optional<std::int64_t>> sizes;
  sizes.reserve(topics.size());
  for (const graph::TopicName& topic : topics) {
    sizes.push_back(find(topic) != nullptr ? std::optional<std::int64_t>(0) : std::nullopt);
  }
  return sizes;
}

Result<std::vector<bool>> MemoryTopicAdmin::remove(std::span<const graph::TopicName> topics) {
  const std::scoped_lock lock(mutex_);
  for (const graph::TopicName& name : topics) {
    if (Topic* topic = find(name)) drop(*topic);
  }
  return std::vector<bool>(topics.size(), true);
}

/// Those of its key that are named before it get new pieces, as they point to it, one by another.
void MemoryTopicAdmin::drop(Topic& topic) {
  Topic* at = first_of(graph::topic_key(graph::TopicName(name_of(topic))));
  topics_.erase(at);
  Topic* rest = topic.same_key;
  while (at != &topic) {
    Topic* next = at->same_key;
    const TopicSeen kept = seen(*at);
    arena_.give_back(reinterpret_cast<char*>(at), at->bytes);
    rest = keep({kept.topic, kept.shape}, rest);
    at = next;
  }
  arena_.give_back(reinterpret_cast<char*>(&topic), topic.bytes);
  if (rest != nullptr) topics_.insert(rest);
}

Result<int> MemoryTopicAdmin::broker_count() { return kRegistryBrokers; }

}  // namespace weir::dagmanager
