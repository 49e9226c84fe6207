// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/queues/queue_end.h"

#include <algorithm>
#include <utility>

namespace weir::dagmanager {
namespace {

TopicLogRow log_row(const QueueRecord& queue, const std::string& node_id, std::string action,
                    std::string result) {
  TopicLogRow row;
  row.topic = queue.topic;
  row.action = std::move(action);
  row.type = queue.type;
  row.shape = queue.shape;
  row.node_id = node_id;
  row.binding_key = queue.binding_key.text();
  row.result = std::move(result);
  return row;
}

constexpr std::string_view kLeavingPrefix = "collecting ";

/// The binding key that a queue had while it was bound.
std::string former_binding(const QueueRecord& queue) {
  const std::string_view key = queue.binding_key.view();
  if (!key.starts_with(kLeavingPrefix)) return std::string(key);
  return std::string(key.substr(key.find(' ', kLeavingPrefix.size()) + 1));
}

/// What is written of one queue that goes.
void add_end(CollectionPlan& plan, const QueueEnd& end, const QueueRecord& queue,
             const NodeView& node, const Collection& collection) {
  const bool archived = end.action == GcAction::Archive;
  LifecycleUpdate told{.queue = queue.topic,
                       .action = std::string(gc_action_text(end.action)),
                       .reason = std::string(gc_reason_text(GcReason::Eligible)),
                       .tag = end.tag,
                       .archive_status = archived ? "archived" : ""};
  if (queue.binding) told.scope = queue.binding->scope;
  if (node) told.interval = node.interval();
  const std::string node_id = node ? node.id().text() : std::string();
  std::vector<TopicLogRow> rows;
  if (archived) rows.push_back(log_row(queue, node_id, "archive", end.archive_key));
  rows.push_back(log_row(queue, node_id, "delete_started", told.reason));
  for (TopicLogRow& row : rows) {
    row.actor = collection.actor;
    row.cause = collection.cause;
    row.at = collection.at;
    plan.log.push_back(std::move(row));
  }
  plan.lifecycles.push_back(std::move(told));
}

}  // namespace

std::vector<std::string> newly_held(std::span<const DeployStanding> deploys,
                                    const Collection& collection) {
  const std::vector<bool> held = held_deploys(deploys, collection.deploys_kept, collection.at);
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < deploys.size(); ++i) {
    if (held[i] && !std::ranges::binary_search(collection.held, deploys[i].key)) {
      keys.push_back(deploys[i].key);
    }
  }
  for (const EndedDeploy& deploy : lately_ended(deploys, collection.at)) {
    if (!std::ranges::binary_search(collection.ended, deploy)) keys.push_back(deploy.key);
  }
  std::ranges::sort(keys);
  keys.erase(std::ranges::unique(keys).begin(), keys.end());
  return keys;
}

CollectionPlan plan_collection(const GraphIndex& index, const Collection& collection,
                               const QueueReferences& references) {
  std::vector<QueueEnd> ends = collection.queues;
  std::ranges::sort(ends, {}, &QueueEnd::queue);
  CollectionPlan plan;
  for (const QueueEnd& end : ends) {
    const QueueView queue = index.queue(end.queue);
    if (!queue || !queue.is_active() || references.held(end.queue)) continue;
    add_end(plan, end, queue.record(), index.node(queue.node()), collection);
    plan.queues.push_back(end.queue);
    if (queue.node() != 0) plan.nodes.push_back(queue.node());
  }
  std::ranges::sort(plan.nodes);
  plan.nodes.erase(std::ranges::unique(plan.nodes).begin(), plan.nodes.end());
  plan.updates = queries_without(index, plan.queues);
  return plan;
}

TopicLogRow deleted_row(const QueueRecord& queue, const std::string& node_id,
                        const Forgetting& forgetting) {
  TopicLogRow row = log_row(queue, node_id, "deleted", "");
  row.binding_key = former_binding(queue);
  row.actor = forgetting.actor;
  row.cause = forgetting.cause;
  row.at = forgetting.at;
  return row;
}

QueueRecord leaving(QueueRecord queue) {
  queue.state = QueueState::Leaving;
  queue.binding_key = graph::BindingKey(std::string(kLeavingPrefix) + std::to_string(queue.row) +
                                        " " + queue.binding_key.text());
  return queue;
}

}  // namespace weir::dagmanager
