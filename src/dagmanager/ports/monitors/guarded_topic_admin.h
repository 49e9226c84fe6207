// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "dagmanager/ports/topic_admin.h"
#include "server/breaker.h"

namespace weir::dagmanager {

/// A TopicAdmin behind a breaker: while that is open, calls fail at once with UNAVAILABLE
/// `broker_unavailable`. Only a ping goes through in any case; it is the probe.
class GuardedTopicAdmin final : public TopicAdmin {
 public:
  /// `breaker` outlives it.
  GuardedTopicAdmin(std::unique_ptr<TopicAdmin> inner, server::Breaker& breaker)
      : inner_(std::move(inner)), breaker_(breaker) {}

  Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec> topics) override;
  Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName> topics) override;
  Result<std::vector<TopicSeen>> list() override;
  Result<std::vector<std::optional<std::int64_t>>> sizes(
      std::span<const graph::TopicName> topics) override;
  Result<std::vector<bool>> remove(std::span<const graph::TopicName> topics) override;
  Result<int> broker_count() override;
  Result<void> admits() override;
  Result<void> ping() override;

 private:
  template <class Call>
  auto guarded(Call call) -> decltype(call());

  std::unique_ptr<TopicAdmin> inner_;
  server::Breaker& breaker_;
};

}  // namespace weir::dagmanager
