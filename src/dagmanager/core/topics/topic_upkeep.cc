// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/topics/topic_upkeep.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "dagmanager/core/topic_provisioner.h"

namespace weir::dagmanager {
namespace {

constexpr std::size_t kShortHashMin = 8;
constexpr std::size_t kDigestDigits = 64;

bool is_hash(std::string_view part) {
  const bool sized =
      part.size() >= kShortHashMin && part.size() <= kDigestDigits && part.size() % 2 == 0;
  return sized && part.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace

std::string_view mend_kind_text(MendKind kind) {
  switch (kind) {
    case MendKind::Dropped:
      return "dropped";
    case MendKind::Recreated:
      return "recreated";
    case MendKind::Hit:
      return "hit";
    case MendKind::Sentinel:
      return "sentinel";
    case MendKind::Acl:
      return "acl";
  }
  return "";
}

IntentTopic judge_intent_topic(const IntentRow& intent, std::span<const TopicSeen> seen,
                               std::optional<std::int64_t> size) {
  const auto same = std::ranges::find(seen, intent.topic, &TopicSeen::topic);
  if (same == seen.end()) return IntentTopic::Gone;
  if (!same_shape(same->shape, intent.shape)) return IntentTopic::Anothers;
  return size.value_or(0) > 0 ? IntentTopic::Anothers : IntentTopic::Ours;
}

std::vector<RowId> MissingTopics::judge(std::vector<RowId> missing) {
  std::vector<RowId> lost;
  std::ranges::set_intersection(missing, before_, std::back_inserter(lost));
  before_ = std::move(missing);
  return lost;
}

/// Asset and type may hold any number of underscores; what follows the hash is the version.
bool has_topic_form(std::string_view topic) {
  const auto parts = base::split(topic, '_');
  for (std::size_t at = 2; at + 1 < parts.size(); ++at) {
    if (!is_hash(parts[at])) continue;
    const bool named = !parts[0].empty() && !parts[0].ends_with('.') && !parts[at - 1].empty();
    if (named && !parts[at + 1].empty()) return true;
  }
  return false;
}

std::vector<CrossContextViolation> shared_topics(const GraphIndex& index) {
  std::vector<CrossContextViolation> shared;
  absl::flat_hash_map<std::string, RowId> first;
  index.for_each_queue([&](const QueueView& queue) {
    if (!queue.is_active()) return;
    const auto [known, fresh] = first.try_emplace(queue.topic_key().text(), queue.row());
    if (fresh) return;
    const QueueView other = index.queue(known->second);
    if (other.record().compute_key == queue.record().compute_key) return;
    const NodeView node = index.node(queue.node());
    shared.push_back(
        {node ? node.id() : graph::NodeId(), queue.binding().context, other.binding().context});
  });
  return shared;
}

}  // namespace weir::dagmanager
