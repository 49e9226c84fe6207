// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_set.h>
#include <absl/hash/hash.h>

#include <mutex>
#include <string_view>
#include <vector>

#include "dagmanager/core/packed.h"
#include "dagmanager/core/text_pool.h"
#include "dagmanager/ports/topic_admin.h"

namespace weir::dagmanager {

/// TopicAdmin in this process's memory: topics are names with a shape, and hold no messages.
class MemoryTopicAdmin final : public TopicAdmin {
 public:
  Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec> topics) override;
  Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName> topics) override;
  Result<std::vector<TopicSeen>> list() override;
  Result<std::vector<std::optional<std::int64_t>>> sizes(
      std::span<const graph::TopicName> topics) override;
  Result<std::vector<bool>> remove(std::span<const graph::TopicName> topics) override;
  Result<int> broker_count() override;
  Result<void> ping() override { return {}; }

 private:
  /// A topic in the arena; its shape, then its name follow.
  struct Topic {
    Topic* same_key;    ///< another that a broker would confuse with it; null: no more
    std::size_t bytes;  ///< with what follows
  };

  static std::string_view name_of(const Topic& topic);

  struct HashByKey {
    using is_transparent = void;
    std::size_t operator()(const graph::TopicKey& key) const { return absl::HashOf(key); }
    std::size_t operator()(const Topic* topic) const {
      return absl::HashOf(graph::topic_key(graph::TopicName(name_of(*topic))));
    }
  };
  struct EqualByKey {
    using is_transparent = void;
    bool operator()(const Topic* a, const Topic* b) const { return a == b; }
    bool operator()(const Topic* a, const graph::TopicKey& b) const {
      return graph::topic_key(graph::TopicName(name_of(*a))) == b;
    }
  };

  Topic* first_of(const graph::TopicKey& key) const;
  Topic* find(const graph::TopicName& name) const;
  Topic* keep(const TopicSpec& spec, Topic* same_key);
  TopicSeen seen(const Topic& topic) const;
  void drop(Topic& topic);

  std::mutex mutex_;
  ByteArena arena_;
  TextPool cleanups_;
  absl::flat_hash_set<Topic*, HashByKey, EqualByKey> topics_;  // the first of each key
};

}  // namespace weir::dagmanager
