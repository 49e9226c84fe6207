// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <span>
#include <vector>

#include "base/mutex.h"
#include "dagmanager/ports/topics/topic_rights_store.h"

namespace weir::dagmanager {

/// TopicRightsStore in memory: for tests.
class MemoryTopicRights final : public TopicRightsStore {
 public:
  Result<std::vector<TopicRight>> list() override WEIR_EXCLUDES(mutex_);
  Result<void> grant(std::span<const TopicRight> rights) override WEIR_EXCLUDES(mutex_);
  Result<void> revoke(std::span<const TopicRight> rights) override WEIR_EXCLUDES(mutex_);
  Result<void> revoke_all(std::span<const graph::TopicName> topics) override WEIR_EXCLUDES(mutex_);

 private:
  base::Mutex mutex_;
  std::set<TopicRight> rights_ WEIR_GUARDED_BY(mutex_);
};

}  // namespace weir::dagmanager
