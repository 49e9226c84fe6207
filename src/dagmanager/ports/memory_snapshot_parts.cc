// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/memory_snapshot_parts.h"

#include <algorithm>
#include <string>
#include <utility>

namespace weir::dagmanager {

// Of this namespace, for the archive finds them by it.
template <class A>
void field(A& a, AuditRow& r) {
  fields(a, r.at, r.actor, r.action, r.world, r.sentinel, r.version, r.from, r.to);
}
template <class A>
void field(A& a, CrossContextHit& h) {
  fields(a, h.id, h.state, h.what.node, h.what.wanted, h.what.existing, h.seen, h.first_seen,
         h.last_seen, h.acked_by, h.note);
}
template <class A>
void field(A& a, OrphanRecord& o) {
  fields(a, o.queue, o.tag, o.since, o.size, o.grown_at);
}
template <class A>
void field(A& a, QueueSilence& s) {
  auto lasted = s.lasted.count();
  fields(a, s.queue, s.size, lasted);
  s.lasted = Duration(lasted);
}
template <class A>
void field(A& a, RolloutStep& s) {
  auto hold = s.hold.count();
  fields(a, s.weight, hold);
  s.hold = Duration(hold);
}
template <class A>
void field(A& a, RolloutSide& s) {
  fields(a, s.sentinel, s.version);
}
template <class A>
void field(A& a, Backtest& b) {
  fields(a, b.name, b.passed, b.report_hash);
}
template <class A>
void field(A& a, GateEvidence& e) {
  fields(a, e.node_set, e.lint_errors, e.lint_warnings, e.backtests);
}
template <class A>
void field(A& a, Rollout& r) {
  auto held = r.held.count();
  std::vector<std::string> failing;
  std::vector<int> failing_for;
  for (const auto& [name, count] : r.failures) {
    failing.push_back(name);
    failing_for.push_back(count);
  }
  fields(a, r.state, r.steps, r.step, r.step_since, held, r.judged_at, r.verdict, r.reason, failing,
         failing_for, r.unknown_since, r.undecided_told, r.baseline_before, r.ended_at);
  r.held = Duration(held);
  if constexpr (A::kReads) {
    for (std::size_t at = 0; at < failing.size() && at < failing_for.size(); ++at) {
      r.failures[failing[at]] = failing_for[at];
    }
  }
}
template <class A>
void field(A& a, RolloutRecord& r) {
  fields(a, r.id, r.world, r.candidate, r.baseline, r.rollout, r.evidence, r.started_by,
         r.started_at);
}
template <class A>
void field(A& a, LifecycleUpdate& u) {
  fields(a, u.queue, u.action, u.reason, u.tag, u.interval, u.archive_status, u.scope.world_id,
         u.scope.execution_domain);
}
template <class A>
void field(A& a, GoneQueue& g) {
  fields(a, g.row, g.topic, g.global, g.last_event);
}

namespace {

/// What an audit row says besides, beside the rows themselves.
template <class A>
void audit_words(A& archive, std::vector<AuditRow>& audit) {
  std::size_t count = audit.size();
  archive.number(count);
  for (std::size_t at = 0; at < count && at < audit.size(); ++at) {
    fields(archive, audit[at].subject, audit[at].note);
  }
}

template <class Describe>
void write_part(SnapshotWriter& writer, const std::string& name, const Describe& describe) {
  std::string content;
  SnapshotWriter inside(content);
  describe(inside);
  writer.text(name);
  writer.text(content);
}

/// What sentinels and deploys have besides, in the order of the rows.
template <class A>
void sentinel_weights(A& archive, std::vector<SentinelRecord>& sentinels) {
  std::size_t count = sentinels.size();
  archive.number(count);
  for (std::size_t at = 0; at < count && at < sentinels.size(); ++at) {
    fields(archive, sentinels[at].live_weight, sentinels[at].peak_weight);
  }
}
template <class A>
void deploy_words(A& archive, MemoryDeploys& deploys) {
  std::size_t count = deploys.order().size();
  archive.number(count);
  for (std::size_t at = 0; at < count && at < deploys.order().size(); ++at) {
    DeployRecord& deploy = *deploys.find(deploys.order()[at]);
    fields(archive, deploy.taken_back_at, deploy.baseline, deploy.buckets);
  }
}

/// When sentinels retired, in the order of the sentinels.
template <class A>
void retirements(A& archive, std::vector<SentinelRecord>& sentinels) {
  std::size_t count = sentinels.size();
  archive.number(count);
  for (std::size_t at = 0; at < count && at < sentinels.size(); ++at) {
    field(archive, sentinels[at].retired_at);
  }
}

constexpr const char* kRetirementsPart = "retirements";
constexpr const char* kSentinelWeightsPart = "sentinel_weights";
constexpr const char* kDeployWordsPart = "deploy_words";
constexpr const char* kAuditWordsPart = "audit_words";
constexpr const char* kHitsPart = "hits";
constexpr const char* kOrphansPart = "orphans";
constexpr const char* kLifecyclesPart = "lifecycles";
constexpr const char* kCollectingPart = "collecting";
constexpr const char* kGonePart = "gone";
constexpr const char* kRecomputesPart = "recomputes";
constexpr const char* kCompletedPart = "completed";
constexpr const char* kSilencesPart = "silences";
constexpr const char* kLogPrunedPart = "log_pruned";
constexpr const char* kPrincipalsPart = "principals";

/// What outbox rows say of the end of topics, by their places.
struct Lifecycles {
  std::vector<std::int64_t> places;
  std::vector<LifecycleUpdate> updates;
};

Lifecycles lifecycles_of(const MemoryOutbox& outbox) {
  Lifecycles found;
  for (std::size_t at = 0; at < outbox.size(); ++at) {
    OutboxRow row = outbox.row(at);
    if (!row.lifecycle) continue;
    found.places.push_back(static_cast<std::int64_t>(at));
    found.updates.push_back(*std::move(row.lifecycle));
  }
  return found;
}

MemoryOutbox with_lifecycles(const MemoryOutbox& outbox, const Lifecycles& told) {
  MemoryOutbox whole;
  std::size_t next = 0;
  for (std::size_t at = 0; at < outbox.size(); ++at) {
    OutboxRow row = outbox.row(at);
    const bool is_next = next < told.places.size() && next < told.updates.size() &&
                         told.places[next] == static_cast<std::int64_t>(at);
    if (is_next) row.lifecycle = told.updates[next++];
    whole.add(row);
  }
  return whole;
}
constexpr const char* kRolloutsPart = "rollouts";

std::vector<RowId> seqs_of(const MemoryTopicLog& log) {
  std::vector<RowId> seqs;
  seqs.reserve(log.size());
  for (std::size_t at = 0; at < log.size(); ++at) seqs.push_back(log.seq(at));
  return seqs;
}

/// How far back log and audit reach, and how their rows are numbered since.
template <class A>
void log_pruned(A& archive, MemoryGraph& graph, std::vector<RowId> seqs) {
  fields(archive, graph.log_pruned, graph.audit_gone, seqs);
  if constexpr (A::kReads) graph.log.renumber(seqs);
}

std::vector<OrphanRecord> orphan_list(const MemoryGraph& graph) {
  std::vector<OrphanRecord> orphans;
  orphans.reserve(graph.orphans.size());
  for (const auto& [row, orphan] : graph.orphans) orphans.push_back(orphan);
  return orphans;
}

/// Queues at their end, and what was told of it.
struct EndParts {
  Lifecycles lifecycles;
  std::vector<RowId> collecting;
  std::vector<GoneQueue> gone;
  std::vector<RowId> recomputes;  // queues whose content is to be computed in full
  std::vector<RowId> completed;
  std::vector<QueueSilence> silences;

  bool empty() const {
    return lifecycles.places.empty() && collecting.empty() && gone.empty() && recomputes.empty() &&
           completed.empty() && silences.empty();
  }
};

EndParts end_parts(const MemoryGraph& graph) {
  EndParts parts;
  parts.lifecycles = lifecycles_of(graph.outbox);
  parts.collecting.assign(graph.collecting.begin(), graph.collecting.end());
  for (const auto& [row, queue] : graph.gone) parts.gone.push_back(queue);
  graph.index.for_each_queue([&](const QueueView& queue) {
    if (queue.recompute_due()) parts.recomputes.push_back(queue.row());
    if (queue.completed()) parts.completed.push_back(queue.row());
  });
  for (const auto& [row, silence] : graph.silences) parts.silences.push_back(silence);
  return parts;
}

void write_end_parts(SnapshotWriter& writer, EndParts& parts) {
  if (!parts.lifecycles.places.empty()) {
    write_part(writer, kLifecyclesPart, [&](SnapshotWriter& part) {
      fields(part, parts.lifecycles.places, parts.lifecycles.updates);
    });
  }
  if (!parts.collecting.empty()) {
    write_part(writer, kCollectingPart,
               [&](SnapshotWriter& part) { field(part, parts.collecting); });
  }
  if (!parts.gone.empty()) {
    write_part(writer, kGonePart, [&](SnapshotWriter& part) { field(part, parts.gone); });
  }
  if (!parts.recomputes.empty()) {
    write_part(writer, kRecomputesPart,
               [&](SnapshotWriter& part) { field(part, parts.recomputes); });
  }
  if (!parts.completed.empty()) {
    write_part(writer, kCompletedPart, [&](SnapshotWriter& part) { field(part, parts.completed); });
  }
  if (!parts.silences.empty()) {
    write_part(writer, kSilencesPart, [&](SnapshotWriter& part) { field(part, parts.silences); });
  }
}

/// Marks the queues whose rows a part lists; false if one is not there.
bool read_marks(SnapshotReader& part, GraphIndex& index, bool QueueRecord::* mark) {
  std::vector<RowId> rows;
  field(part, rows);
  for (const RowId row : rows) {
    const QueueView queue = index.queue(row);
    if (!queue) return false;
    QueueRecord record = queue.record();
    record.*mark = true;
    index.put_queue(record);
  }
  return true;
}

/// False if it is none of these.
bool read_end_part(const std::string& name, SnapshotReader& part, MemoryGraph& graph) {
  if (name == kLifecyclesPart) {
    Lifecycles told;
    fields(part, told.places, told.updates);
    graph.outbox = with_lifecycles(graph.outbox, told);
    return true;
  }
  if (name == kCollectingPart) {
    std::vector<RowId> rows;
    field(part, rows);
    graph.collecting.insert(rows.begin(), rows.end());
    return true;
  }
  if (name == kRecomputesPart) return read_marks(part, graph.index, &QueueRecord::recompute_due);
  if (name == kCompletedPart) return read_marks(part, graph.index, &QueueRecord::completed);
  if (name == kSilencesPart) {
    std::vector<QueueSilence> silences;
    field(part, silences);
    for (const QueueSilence& one : silences) graph.silences[one.queue] = one;
    return true;
  }
  if (name == kLogPrunedPart) {
    log_pruned(part, graph, {});
    return true;
  }
  if (name != kGonePart) return false;
  std::vector<GoneQueue> gone;
  field(part, gone);
  for (GoneQueue& queue : gone) graph.gone.emplace(queue.row, std::move(queue));
  return true;
}

}  // namespace

void write_parts(SnapshotWriter& writer, MemoryGraph& graph) {
  const bool has_words = std::ranges::any_of(
      graph.audit, [](const AuditRow& row) { return !row.subject.empty() || !row.note.empty(); });
  const bool has_weights = std::ranges::any_of(
      graph.sentinels, [](const SentinelRecord& sentinel) { return sentinel.peak_weight > 0; });
  const bool has_retired = std::ranges::any_of(
      graph.sentinels, [](const SentinelRecord& one) { return one.retired_at.has_value(); });
  const bool has_deploy_words =
      std::ranges::any_of(graph.deploys.order(), [&](const std::string& key) {
        const DeployRecord& deploy = *std::as_const(graph).deploys.find(key);
        return deploy.taken_back_at || !deploy.baseline.empty() || !deploy.buckets.empty();
      });
  const bool has_parts = has_words || has_weights || has_retired || has_deploy_words ||
                         !graph.hits.empty() || !graph.rollouts.empty() || graph.log_pruned ||
                         !graph.principals.empty();
  EndParts ends = end_parts(graph);
  if (has_parts || !graph.audit.empty() || !graph.orphans.empty() || !ends.empty()) {
    field(writer, graph.audit);
  }
  if (has_words) {
    write_part(writer, kAuditWordsPart,
               [&](SnapshotWriter& part) { audit_words(part, graph.audit); });
  }
  if (has_weights) {
    write_part(writer, kSentinelWeightsPart,
               [&](SnapshotWriter& part) { sentinel_weights(part, graph.sentinels); });
  }
  if (has_retired) {
    write_part(writer, kRetirementsPart,
               [&](SnapshotWriter& part) { retirements(part, graph.sentinels); });
  }
  if (has_deploy_words) {
    write_part(writer, kDeployWordsPart,
               [&](SnapshotWriter& part) { deploy_words(part, graph.deploys); });
  }
  if (!graph.hits.empty()) {
    write_part(writer, kHitsPart, [&](SnapshotWriter& part) { field(part, graph.hits); });
  }
  if (!graph.rollouts.empty()) {
    write_part(writer, kRolloutsPart, [&](SnapshotWriter& part) { field(part, graph.rollouts); });
  }
  if (!graph.orphans.empty()) {
    std::vector<OrphanRecord> orphans = orphan_list(graph);
    write_part(writer, kOrphansPart, [&](SnapshotWriter& part) { field(part, orphans); });
  }
  write_end_parts(writer, ends);
  if (graph.log_pruned) {
    write_part(writer, kLogPrunedPart,
               [&](SnapshotWriter& part) { log_pruned(part, graph, seqs_of(graph.log)); });
  }
  if (!graph.principals.empty()) {
    std::vector<std::string> principals(graph.principals.begin(), graph.principals.end());
    write_part(writer, kPrincipalsPart, [&](SnapshotWriter& part) { field(part, principals); });
  }
}

bool read_parts(SnapshotReader& reader, MemoryGraph& graph) {
  if (!reader.ok() || reader.at_end()) return reader.ok();
  field(reader, graph.audit);
  while (reader.ok() && !reader.at_end()) {
    std::string name;
    std::string content;
    fields(reader, name, content);
    SnapshotReader part(content);
    if (name == kAuditWordsPart) {
      audit_words(part, graph.audit);
    } else if (name == kSentinelWeightsPart) {
      sentinel_weights(part, graph.sentinels);
    } else if (name == kRetirementsPart) {
      retirements(part, graph.sentinels);
    } else if (name == kDeployWordsPart) {
      deploy_words(part, graph.deploys);
    } else if (name == kHitsPart) {
      field(part, graph.hits);
    } else if (name == kRolloutsPart) {
      field(part, graph.rollouts);
    } else if (name == kOrphansPart) {
      std::vector<OrphanRecord> orphans;
      field(part, orphans);
      for (const OrphanRecord& orphan : orphans) graph.orphans[orphan.queue] = orphan;
    } else if (name == kPrincipalsPart) {
      std::vector<std::string> principals;
      field(part, principals);
      graph.principals.insert(principals.begin(), principals.end());
    } else if (!read_end_part(name, part, graph)) {
      return false;
    }
    if (!part.ok() || !part.at_end()) return false;
  }
  graph.hits_open = static_cast<std::size_t>(
      std::ranges::count(graph.hits, HitState::Open, &CrossContextHit::state));
  return reader.ok();
}

}  // namespace weir::dagmanager
