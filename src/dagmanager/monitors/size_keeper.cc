// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/monitors/size_keeper.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "dagmanager/monitors/limits.h"

namespace weir::dagmanager {

void SizeKeeper::start() {
  if (!parts_.in_background) return;
  const auto first = turn();
  thread_.start(first, [this] { return turn(); });
}

std::optional<Duration> SizeKeeper::turn() {
  const Duration due = parts_.clock.monotonic() + kSizesEvery;
  const auto looked = look();
  if (!looked.ok() && !std::exchange(failing_, true)) {
    parts_.log.warning("the sizes of topics cannot be read; GetQueueStats is refused meanwhile",
                       {{"error", looked.error().describe()}});
  }
  if (looked.ok()) failing_ = false;
  return due;
}

Result<void> SizeKeeper::look() {
  WEIR_CHECK(parts_.topics.admits());
  const Duration asked_at = parts_.clock.monotonic();
  std::vector<graph::TopicName> topics;
  {
    WEIR_TRY(const GraphView view, parts_.store.read(nullptr));
    view.index().for_each_queue([&](const QueueView& queue) {
      if (queue.is_active()) topics.emplace_back(queue.topic());
    });
  }
  Sizes seen;
  seen.reserve(topics.size());
  for (std::size_t at = 0; at < topics.size(); at += kSizesLookPage) {
    const auto page = std::span(topics).subspan(at, std::min(kSizesLookPage, topics.size() - at));
    WEIR_TRY(const auto sizes, parts_.topics.sizes(page));
    for (std::size_t i = 0; i < page.size(); ++i) seen[page[i].text()] = sizes[i];
  }
  const base::MutexLock lock(mutex_);
  sizes_ = std::move(seen);
  seen_at_ = asked_at;
  return {};
}

std::optional<SizeKeeper::Seen> SizeKeeper::seen(std::optional<Duration> after,
                                                 std::span<const graph::TopicName> topics) const {
  const base::MutexLock lock(mutex_);
  if (!seen_at_ || (after && *seen_at_ <= *after)) return std::nullopt;
  Seen seen{.at = *seen_at_, .sizes = {}};
  seen.sizes.reserve(topics.size());
  for (const graph::TopicName& topic : topics) {
    const auto found = sizes_.find(topic.text());
    seen.sizes.push_back(found == sizes_.end() ? std::nullopt : found->second);
  }
  return seen;
}

Result<std::vector<std::optional<std::int64_t>>> SizeKeeper::sizes(
    std::span<const graph::TopicName> topics) {
  WEIR_CHECK(parts_.topics.admits());
  if (!parts_.in_background) return parts_.topics.sizes(topics);
  const Duration now = parts_.clock.monotonic();
  std::vector<std::optional<std::int64_t>> sizes;
  sizes.reserve(topics.size());
  bool is_new = false;
  {
    const base::MutexLock lock(mutex_);
    if (!seen_at_ || now - *seen_at_ > kSizesAgeMax) {
      return base::unavailable("broker_unavailable",
                               "the broker has not said for " +
                                   std::to_string(kSizesAgeMax / std::chrono::seconds(1)) +
                                   " s how many messages its topics hold");
    }
    for (const graph::TopicName& topic : topics) {
      const auto found = sizes_.find(topic.text());
      is_new = is_new || found == sizes_.end();
      sizes.push_back(found == sizes_.end() ? 0 : found->second);
    }
    is_new = is_new && now - *seen_at_ > kSizesGap;
  }
  if (is_new) thread_.nudge();
  return sizes;
}

}  // namespace weir::dagmanager
