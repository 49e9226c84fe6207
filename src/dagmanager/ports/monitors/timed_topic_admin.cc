// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/monitors/timed_topic_admin.h"

namespace weir::dagmanager {

template <class Call>
auto TimedTopicAdmin::timed(std::string_view name, Call call) -> decltype(call()) {
  if (!inner_->admits().ok()) return call();
  const Duration began = clock_.monotonic();
  auto outcome = call();
  observer_.topics_called(name, clock_.monotonic() - began);
  return outcome;
}

Result<std::vector<CreateAnswer>> TimedTopicAdmin::create(std::span<const TopicSpec> topics) {
  return timed("create", [&] { return inner_->create(topics); });
}

Result<std::vector<TopicSeen>> TimedTopicAdmin::look(std::span<const graph::TopicName> topics) {
  return timed("look", [&] { return inner_->look(topics); });
}

Result<std::vector<TopicSeen>> TimedTopicAdmin::list() {
  return timed("list", [&] { return inner_->list(); });
}

Result<std::vector<std::optional<std::int64_t>>> TimedTopicAdmin::sizes(
    std::span<const graph::TopicName> topics) {
  return timed("sizes", [&] { return inner_->sizes(topics); });
}

Result<std::vector<bool>> TimedTopicAdmin::remove(std::span<const graph::TopicName> topics) {
  return timed("remove", [&] { return inner_->remove(topics); });
}

Result<int> TimedTopicAdmin::broker_count() {
  return timed("broker_count", [&] { return inner_->broker_count(); });
}

/// The probe of a breaker, which lets it through.
Result<void> TimedTopicAdmin::ping() {
  const Duration began = clock_.monotonic();
  auto outcome = inner_->ping();
  observer_.topics_called("ping", clock_.monotonic() - began);
  return outcome;
}

}  // namespace weir::dagmanager
