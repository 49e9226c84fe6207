// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/topics/reconciler.h"

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/crash_point.h"
#include "dagmanager/core/cross_context_hits.h"
#include "dagmanager/core/topic_provisioner.h"
#include "dagmanager/topics/limits.h"
#include "dagmanager/topics/topic_alerts.h"

namespace weir::dagmanager {
namespace {

using Names = absl::flat_hash_set<std::string_view>;

/// Whether the broker has a topic of this name by now.
Result<bool> is_there(TopicAdmin& topics, const graph::TopicName& name) {
  WEIR_TRY(const auto seen, topics.look(std::span(&name, 1)));
  return std::ranges::find(seen, name, &TopicSeen::topic) != seen.end();
}

}  // namespace

Result<void> Reconciler::run_once(const LoopFence& fence) {
  mends_left_ = kMendsMax;
  WEIR_CHECK(mend_sentinels(fence));
  WEIR_CHECK(find_hits(fence));
  auto mended = mend_topics(fence);
  if (!mended.ok()) missing_.no_listing();
  return mended;
}

/// False once the pass has mended enough, or the loop is not held any more.
bool Reconciler::spend(const LoopFence& fence) {
  if (mends_left_ == 0 || (parts_.holds && !parts_.holds(fence))) return false;
  --mends_left_;
  return true;
}

TopicLogRow Reconciler::log_row(const LoopFence& fence, MendKind kind) const {
  TopicLogRow row;
  row.action = mend_kind_text(kind);
  row.actor = "loop:" + fence.loop;
  row.cause = "run:" + std::to_string(fence.fence);
  row.result = "ok";
  row.at = parts_.clock.now();
  return row;
}

Result<void> Reconciler::mend_sentinels(const LoopFence& fence) {
  WEIR_TRY(const auto gaps, parts_.upkeep.sentinel_gaps(kGapsCountedMax));
  parts_.observer.sentinel_gaps(gaps.size());
  for (const SentinelGap& gap : gaps) {
    if (!spend(fence)) return {};
    TopicLogRow row = log_row(fence, MendKind::Sentinel);
    row.cause = "deploy:" + gap.deploy_key;
    row.result = gap.sentinel.id.text() + "@" + gap.sentinel.version.text();
    WEIR_CHECK(parts_.upkeep.mend_sentinel(fence, gap, row));
    parts_.observer.mended(MendKind::Sentinel);
  }
  return {};
}

/// Each is on record before it counts as seen to, and halts promotions from then on; one that
/// stands is seen by every pass, and logged when it is new.
Result<void> Reconciler::find_hits(const LoopFence& fence) {
  std::vector<CrossContextViolation> shared;
  {
    WEIR_TRY(const GraphView view, parts_.store.read(nullptr));
    shared = dagmanager::shared_topics(view.index());
  }
  if (shared.empty()) return {};
  std::vector<HitSighting> seen = sightings_of(shared);
  if (seen.size() > mends_left_) seen.resize(mends_left_);
  mends_left_ -= seen.size();
  WEIR_TRY(const auto known, parts_.hits.list(HitState::Open));
  WEIR_CHECK(parts_.hits.record(seen, parts_.clock.now()));
  WEIR_CHECK(parts_.observer.shared_topics(shared));
  std::vector<TopicLogRow> log;
  for (const HitSighting& hit : seen) {
    parts_.observer.mended(MendKind::Hit);
    if (std::ranges::find(known, hit, &CrossContextHit::what) != known.end()) continue;
    TopicLogRow& row = log.emplace_back(log_row(fence, MendKind::Hit));
    row.node_id = hit.node.text();
    row.result = hit.wanted + " and " + hit.existing;
  }
  return parts_.upkeep.add_log(fence, log);
}

/// The graph is read before the broker is listed: a queue's topic is there before the queue is. And
/// again after, for what is listed: an intent is there before its topic is.
Result<void> Reconciler::mend_topics(const LoopFence& fence) {
  WEIR_TRY(const Queues queues, active_queues());
  WEIR_TRY(const auto listed, parts_.topics.list());
  WEIR_CHECK(find_mismatches(queues, listed));
  Names there;
  there.reserve(listed.size());
  for (const TopicSeen& topic : listed) there.insert(topic.topic.view());
  std::vector<RowId> missing;
  for (const ActiveQueue& queue : queues) {
    if (!there.contains(queue.topic.view())) missing.push_back(queue.row);
  }
  std::ranges::sort(missing);
  if (std::exchange(missing_of_, fence.fence) != fence.fence) missing_.no_listing();
  for (const RowId row : missing_.judge(std::move(missing))) {
    if (!spend(fence)) break;
    WEIR_CHECK(recreate(fence, row));
  }
  WEIR_CHECK(mend_rights(fence, queues, listed));
  WEIR_CHECK(count_unowned(listed));
  const Instant before = parts_.clock.now() - kIntentAgeMax;
  WEIR_TRY(const auto intents, parts_.upkeep.intents(before, mends_left_));
  for (const IntentRow& intent : intents) {
    if (!spend(fence)) break;
    WEIR_CHECK(drop(fence, intent));
  }
  return {};
}

Result<Reconciler::Queues> Reconciler::active_queues() {
  WEIR_TRY(const GraphView view, parts_.store.read(nullptr));
  Queues queues;
  queues.reserve(view.index().queue_count());
  view.index().for_each_queue([&](const QueueView& queue) {
    if (!queue.is_active()) return;
    QueueRecord record = queue.record();
    queues.push_back({record.row, std::move(record.topic), std::move(record.shape)});
  });
  return queues;
}

/// Topics whose settings somebody changed. They are said again by every pass while they are so.
Result<void> Reconciler::find_mismatches(const Queues& queues,
                                         const std::vector<TopicSeen>& listed) {
  absl::flat_hash_map<std::string_view, const TopicSeen*> there;
  there.reserve(listed.size());
  for (const TopicSeen& topic : listed) there.emplace(topic.topic.view(), &topic);
  const Instant now = parts_.clock.now();
  std::vector<Condition> conditions;
  Names said;  // a topic that two queues share is one condition
  for (const ActiveQueue& queue : queues) {
    const auto seen = there.find(queue.topic.view());
    if (seen == there.end() || same_shape(seen->second->shape, queue.shape)) continue;
    if (!said.insert(queue.topic.view()).second) continue;
    conditions.push_back(changed_condition(*seen->second, queue.shape, now));
    if (conditions.size() == kMendsMax) break;
  }
  if (conditions.empty()) return {};
  return parts_.alerts.raise(conditions);
}

/// The rows are committed under the fence before the broker is told: a pass that dies between says
/// the same again. A queue that is collected meanwhile leaves rights that the next pass finds.
Result<void> Reconciler::mend_rights(const LoopFence& fence, const Queues& queues,
                                     const std::vector<TopicSeen>& listed) {
  if (!rights_ || mends_left_ == 0) return {};
  std::vector<graph::TopicName> owned;
  owned.reserve(queues.size());
  for (const ActiveQueue& queue : queues) owned.push_back(queue.topic);
  WEIR_TRY(const auto mends, rights_->find(owned, listed, mends_left_));
  std::vector<TopicLogRow> rows;
  for (const auto& [topic, mend] : mends) {
    if (!spend(fence)) return {};
    TopicLogRow& row = rows.emplace_back(log_row(fence, MendKind::Acl));
    row.topic = topic;
    row.result = mend.text();
  }
  if (!rows.empty()) {
    WEIR_CHECK(parts_.upkeep.add_log(fence, rows));
    WEIR_CRASH_POINT("reconciler.before_rights");
    WEIR_CHECK(rights_->mend(mends));
    for (std::size_t at = 0; at < rows.size(); ++at) parts_.observer.mended(MendKind::Acl);
  }
  return rights_->forget(fence);
}

/// This instance's own view has all queues and few of the intents; the store has the rest.
Result<void> Reconciler::count_unowned(const std::vector<TopicSeen>& listed) {
  std::vector<graph::TopicName> unclaimed;
  {
    WEIR_TRY(const GraphView view, parts_.store.read(nullptr));
    for (const TopicSeen& topic : listed) {
      if (!has_topic_form(topic.topic.view())) continue;
      const QueueView holder = view.index().queue_by_topic(graph::topic_key(topic.topic));
      if (!holder || holder.topic() != topic.topic.view()) unclaimed.push_back(topic.topic);
    }
  }
  WEIR_TRY(const auto known, parts_.upkeep.known(unclaimed));
  parts_.observer.topics_unowned(static_cast<std::size_t>(std::ranges::count(known, false)));
  return {};
}

/// Its log row is committed first, so that no content is lost without one; then it is made while
/// its queue is held, so that nothing else brings the queue to its end meanwhile.
Result<void> Reconciler::recreate(const LoopFence& fence, RowId row) {
  QueueRecord queue;
  TopicLogRow entry = log_row(fence, MendKind::Recreated);
  {
    WEIR_TRY(const GraphView view, parts_.store.read(nullptr));
    const QueueView active = view.index().queue(row);
    if (!active || !active.is_active()) return {};
    queue = active.record();
    const NodeView node = view.index().node(queue.node);
    if (node) entry.node_id = node.id().text();
  }
  entry.topic = queue.topic;
  entry.type = queue.type;
  entry.shape = queue.shape;
  entry.binding_key = queue.binding_key.text();
  WEIR_TRY(const bool there, is_there(parts_.topics, queue.topic));
  if (there) return {};
  const Condition lost = recreated_condition(queue.topic, entry.node_id, parts_.clock.now());
  WEIR_CHECK(parts_.alerts.raise(std::span(&lost, 1)));
  WEIR_TRY(const bool logged,
           parts_.upkeep.while_active(fence, row, [&] { return std::vector<TopicLogRow>{entry}; }));
  if (!logged) return {};
  WEIR_CRASH_POINT("reconciler.logged");
  const TopicSpec spec{queue.topic, queue.shape};
  bool made = false;
  const auto make = [&]() -> Result<std::vector<TopicLogRow>> {
    WEIR_TRY(const auto answers, parts_.topics.create(std::span(&spec, 1)));
    made = answers.front() != CreateAnswer::Failed && answers.front() != CreateAnswer::Refused;
    return std::vector<TopicLogRow>();
  };
  WEIR_CHECK(parts_.upkeep.while_active(fence, row, make));
  WEIR_CRASH_POINT("reconciler.recreated");
  if (!made) return {};  // collected meanwhile, or the next pass tries again
  parts_.observer.mended(MendKind::Recreated);
  parts_.observer.topic_recreated(queue.topic);
  return {};
}

/// The name is taken from the diff that wanted it, then its topic is removed, then it is free.
Result<void> Reconciler::drop(const LoopFence& fence, const IntentRow& intent) {
  if (!intent.dropping) {
    const Instant before = parts_.clock.now() - kIntentAgeMax;
    WEIR_TRY(const bool started, parts_.upkeep.start_dropping(fence, intent.queue, before));
    if (!started) return {};
  }
  WEIR_TRY(const bool ended,
           parts_.upkeep.end_dropping(fence, intent.queue, [&](const IntentRow& held) {
             return remove_topic(fence, held);
           }));
  if (ended) parts_.observer.mended(MendKind::Dropped);
  return {};
}

Result<std::optional<TopicLogRow>> Reconciler::remove_topic(const LoopFence& fence,
                                                            const IntentRow& intent) {
  const std::span<const graph::TopicName> name(&intent.topic, 1);
  WEIR_TRY(const auto seen, parts_.topics.look(name));
  WEIR_TRY(const auto sizes, parts_.topics.sizes(name));
  TopicLogRow row = log_row(fence, MendKind::Dropped);
  row.topic = intent.topic;
  row.type = intent.type;
  row.shape = intent.shape;
  row.node_id = intent.node_id;
  row.binding_key = intent.binding_key;
  if (!intent.diff_id.empty()) row.cause = "diff:" + intent.diff_id;
  switch (judge_intent_topic(intent, seen, sizes.front())) {
    case IntentTopic::Gone:
    case IntentTopic::Ours: {
      // What a look does not show yet may have been made a moment ago: it is removed all the same.
      WEIR_TRY(const auto gone, parts_.topics.remove(name));
      if (!gone.front()) return std::optional<TopicLogRow>();
      break;
    }
    case IntentTopic::Anothers:
      row.result = "left alone";
      break;
  }
  return std::optional(std::move(row));
}

}  // namespace weir::dagmanager
