// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>

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
  Result<int> broker_count() override;
  Result<void> ping() override { return {}; }

 private:
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, graph::TopicShape> topics_;  // by key, then name
};

}  // namespace weir::dagmanager
