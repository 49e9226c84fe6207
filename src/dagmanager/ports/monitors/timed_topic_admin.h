// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "base/clock.h"
#include "dagmanager/ports/topic_admin.h"

namespace weir::dagmanager {

/// Who is told of the calls to the topic engine. Any thread.
class TopicCallObserver {
 public:
  virtual ~TopicCallObserver() = default;
  /// `call`: `create`, `look`, `list`, `sizes`, `remove`, `broker_count` or `ping`.
  virtual void topics_called(std::string_view call, Duration took) = 0;
};

/// A TopicAdmin whose calls are told, whatever came of them: those that a breaker refuses are not.
class TimedTopicAdmin final : public TopicAdmin {
 public:
  /// `clock` and `observer` outlive it.
  TimedTopicAdmin(std::unique_ptr<TopicAdmin> inner, const Clock& clock,
                  TopicCallObserver& observer)
      : inner_(std::move(inner)), clock_(clock), observer_(observer) {}

  Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec> topics) override;
  Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName> topics) override;
  Result<std::vector<TopicSeen>> list() override;
  Result<std::vector<std::optional<std::int64_t>>> sizes(
      std::span<const graph::TopicName> topics) override;
  Result<std::vector<bool>> remove(std::span<const graph::TopicName> topics) override;
  Result<int> broker_count() override;
  Result<void> admits() override { return inner_->admits(); }
  Result<void> ping() override;

 private:
  template <class Call>
  auto timed(std::string_view name, Call call) -> decltype(call());

  std::unique_ptr<TopicAdmin> inner_;
  const Clock& clock_;
  TopicCallObserver& observer_;
};

}  // namespace weir::dagmanager
