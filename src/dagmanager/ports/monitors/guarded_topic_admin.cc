// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/monitors/guarded_topic_admin.h"

namespace weir::dagmanager {
namespace {

/// Whether an outcome says that the engine is there, if only to refuse.
template <class Outcome>
bool is_there(const Outcome& outcome) {
  if (outcome.ok()) return true;
  const Code code = outcome.error().code();
  return code != Code::Unavailable && code != Code::DeadlineExceeded;
}

}  // namespace

template <class Call>
auto GuardedTopicAdmin::guarded(Call call) -> decltype(call()) {
  WEIR_CHECK(admits());
  auto outcome = call();
  breaker_.saw(is_there(outcome));
  return outcome;
}

Result<void> GuardedTopicAdmin::admits() {
  const auto admitted = breaker_.admit();
  if (admitted.ok()) return {};
  return base::unavailable("broker_unavailable", "breaker_open: " + admitted.error().message());
}

Result<std::vector<CreateAnswer>> GuardedTopicAdmin::create(std::span<const TopicSpec> topics) {
  return guarded([&] { return inner_->create(topics); });
}

Result<std::vector<TopicSeen>> GuardedTopicAdmin::look(std::span<const graph::TopicName> topics) {
  return guarded([&] { return inner_->look(topics); });
}

Result<std::vector<TopicSeen>> GuardedTopicAdmin::list() {
  return guarded([&] { return inner_->list(); });
}

Result<std::vector<std::optional<std::int64_t>>> GuardedTopicAdmin::sizes(
    std::span<const graph::TopicName> topics) {
  return guarded([&] { return inner_->sizes(topics); });
}

Result<std::vector<bool>> GuardedTopicAdmin::remove(std::span<const graph::TopicName> topics) {
  return guarded([&] { return inner_->remove(topics); });
}

Result<int> GuardedTopicAdmin::broker_count() {
  return guarded([&] { return inner_->broker_count(); });
}

Result<void> GuardedTopicAdmin::ping() {
  auto outcome = inner_->ping();
  breaker_.saw(is_there(outcome));
  return outcome;
}

}  // namespace weir::dagmanager
