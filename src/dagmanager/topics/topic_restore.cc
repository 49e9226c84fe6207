// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/topics/topic_restore.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/crash_point.h"
#include "base/rfc3339.h"
#include "base/uuid.h"
#include "dagmanager/core/diff_change.h"
#include "dagmanager/core/topic_provisioner.h"
#include "dagmanager/topics/limits.h"
#include "graph/compute_context.h"

namespace weir::dagmanager {
namespace {

/// Makes topics that intents name. Where one has another shape, or another like it is there, its
/// name is not free any more.
Result<void> make_topics(TopicAdmin& topics, Clock& clock, TopicProvisioner& machine) {
  while (true) {
    const ProvisionStep step = machine.next();
    std::vector<TopicSpec> specs;
    std::vector<graph::TopicName> names;
    for (const std::size_t topic : step.topics) {
      specs.push_back({machine.topics()[topic].topic, machine.topics()[topic].shape});
      names.push_back(machine.topics()[topic].topic);
    }
    switch (step.kind) {
      case ProvisionStep::Kind::Create: {
        const auto answers = topics.create(specs);
        answers.ok() ? machine.created(*answers) : machine.create_lost(answers.error());
        break;
      }
      case ProvisionStep::Kind::Look: {
        const auto seen = topics.look(names);
        seen.ok() ? machine.looked(*seen) : machine.look_lost(seen.error());
        break;
      }
      case ProvisionStep::Kind::Wait:
        clock.sleep_for(step.wait);
        machine.waited();
        break;
      case ProvisionStep::Kind::Rename:
        return base::failed_precondition("name_taken",
                                         "topic " + names.front().text() + " is another's by now");
      case ProvisionStep::Kind::Done:
        return {};
      case ProvisionStep::Kind::Failed:
        return machine.error();
    }
  }
}

TopicIntent intent_of(const TopicLogRow& row, const BindingContext& context) {
  const graph::NodeId node(row.node_id);
  return {.topic = row.topic,
          .type = row.type,
          .shape = row.shape,
          .node = node,
          .binding_key = graph::BindingKey(row.binding_key),
          .compute_key = graph::compute_key(node, context.context),
          .gives_up = {}};
}

}  // namespace

Result<std::vector<RestoredTopic>> TopicRestore::run(Instant until, bool dry_run) {
  WEIR_TRY(const TopicHistory history, read_history(until));
  WEIR_TRY(contexts_, parts_.upkeep.contexts());
  WEIR_TRY(const auto listed, parts_.topics.list());
  absl::flat_hash_set<std::string_view> there;
  for (const TopicSeen& topic : listed) there.insert(topic.topic.view());
  std::vector<RestoredTopic> outcomes;
  std::vector<Batch> batches;
  for (const auto& [name, row] : history.existing()) {
    WEIR_TRY(std::string verdict, judge(row, batches));
    if (verdict.empty() && dry_run) verdict = "would_restore";
    if (verdict == "bound") {  // with its topic it is as it was
      if (there.contains(name)) continue;
      verdict = "misses_topic";
    }
    if (!verdict.empty()) outcomes.push_back({row.topic, std::move(verdict)});
  }
  for (const Batch& batch : batches) {
    if (!dry_run) WEIR_CHECK(restore(batch, outcomes));
  }
  for (RestoredTopic& outcome : outcomes) {
    const auto archive = archives_.find(outcome.topic.text());
    if (archive != archives_.end()) outcome.archive = archive->second;
  }
  std::ranges::sort(outcomes, {}, &RestoredTopic::topic);
  return outcomes;
}

Result<TopicHistory> TopicRestore::read_history(Instant until) {
  TopicHistory history;
  WEIR_TRY(const auto pruned, parts_.log.pruned_before());
  if (pruned && until < *pruned) {
    return base::failed_precondition(
        "log_too_short", "the log before " + base::rfc3339(*pruned) +
                             " was given up (topic_log_days): give that time or a later one");
  }
  RowId after = 0;
  bool reaches_back = false;
  while (true) {
    WEIR_TRY(const auto page, parts_.store.topic_log(after, kLogPage));
    for (const auto& [seq, row] : page) {
      after = seq;
      if (row.action == "archive") archives_[row.topic.text()] = row.result;
      if (row.at > until) continue;
      reaches_back = true;
      history.add(row);
    }
    if (page.size() < kLogPage) break;
  }
  if (reaches_back || pruned) return history;
  return base::failed_precondition("log_too_short", "the log begins after that time");
}

/// Why a topic is not restored, or nothing: then it is in a batch.
Result<std::string> TopicRestore::judge(const TopicLogRow& row, std::vector<Batch>& batches) {
  {
    WEIR_TRY(const GraphView view, parts_.store.read(nullptr));
    const QueueView own = view.index().queue_by_binding(graph::BindingKey(row.binding_key));
    if (own && own.is_active()) {
      return std::string(own.topic() == row.topic.view() ? "bound" : "rebound");
    }
    const QueueView holder = view.index().queue_by_topic(graph::topic_key(row.topic));
    if (holder && holder.is_active()) return std::string("name_taken");
    if (!view.index().node(graph::NodeId(row.node_id))) return std::string("unknown_node");
  }
  const auto context = context_of(row);
  if (!context) return std::string("unknown_context");
  const auto fits = [&](const Batch& batch) {
    return batch.context == context && batch.rows.size() < kRestoredTogether;
  };
  auto batch = std::ranges::find_if(batches, fits);
  if (batch == batches.end()) batch = batches.insert(batches.end(), Batch{context, {}});
  batch->rows.push_back(row);
  return std::string();
}

/// The one that gives the binding its key; of several, one whose namespace the topic has.
std::shared_ptr<const BindingContext> TopicRestore::context_of(const TopicLogRow& row) const {
  std::shared_ptr<const BindingContext> found;
  const graph::NodeId node(row.node_id);
  for (const auto& context : contexts_) {
    const graph::ComputeKey key = graph::compute_key(node, context->context);
    const graph::BindingKey binding = graph::binding_key(key, context->context, context->strategy);
    if (binding.view() != row.binding_key) continue;
    const std::string prefix = context->name_space.text() + ".";
    const bool named = !context->name_space.empty() && row.topic.view().starts_with(prefix);
    if (named) return context;
    if (context->name_space.empty() || !found) found = context;
  }
  return found;
}

/// As a diff does it: intents, topics, one change.
Result<void> TopicRestore::restore(const Batch& batch, std::vector<RestoredTopic>& outcomes) {
  const Instant now = parts_.clock.now();
  IntentBatch intents{.diff_id = "restore-" + base::uuid_v4(parts_.random),
                      .binding = batch.context,
                      .intents = {},
                      .new_nodes = 0,
                      .at = now};
  GraphChange change;
  change.diff_id = intents.diff_id;
  change.binding = batch.context;
  change.at = now;
  {
    WEIR_TRY(const GraphView view, parts_.store.read(nullptr));
    change.base = view.epoch();
    for (const TopicLogRow& row : batch.rows) {
      const NodeView node = view.index().node(graph::NodeId(row.node_id));
      intents.intents.push_back(intent_of(row, *batch.context));
      change.dag_nodes.push_back(row.node_id);
      change.queues.push_back(
          {.queue = 0,
           .node = node.row(),
           .shape = row.shape,
           .schema_hash = node.record().schema_hash,
           .ttl_ms = ttl_of(parts_.policy, row.type),
           .lag_alert_seconds = lag_alert_of(parts_.policy, row.type, node.interval())});
    }
  }
  const auto tell = [&](const std::string& outcome) {
    for (const TopicLogRow& row : batch.rows) outcomes.push_back({row.topic, outcome});
  };
  const auto reserved = parts_.store.reserve(intents);
  if (!reserved.ok()) {
    tell(reserved.error().reason());
    return {};
  }
  WEIR_CRASH_POINT("restore.reserved");
  std::vector<WantedTopic> wanted;
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    change.queues[i].queue = reserved->outcomes[i].queue;
    if (reserved->outcomes[i].queue == 0) {
      tell("name_taken");
      return {};
    }
    wanted.push_back({batch.rows[i].topic, batch.rows[i].shape, reserved->outcomes[i].joined});
  }
  TopicProvisioner machine(std::move(wanted), true);
  const auto made = make_topics(parts_.topics, parts_.clock, machine);
  if (!made.ok()) {
    tell(made.error().reason());
    return {};
  }
  WEIR_CRASH_POINT("restore.made");
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    TopicLogRow row = batch.rows[i];
    row.action = provision_outcome_text(machine.outcome(i));
    row.actor = actor_;
    row.cause = "run:" + intents.diff_id;
    row.result = "ok";
    row.at = now;
    change.log.push_back(std::move(row));
  }
  const auto committed = parts_.store.commit(change);
  WEIR_CRASH_POINT("restore.committed");
  tell(committed.ok() ? "restored" : committed.error().reason());
  return {};
}

}  // namespace weir::dagmanager
