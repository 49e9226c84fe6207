// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/memory_snapshot.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <string_view>

#include "dagmanager/ports/snapshot_archive.h"
#include "drivers/files/durable_file.h"

namespace weir::dagmanager {

// Of this namespace, for the archive finds them by it.
template <class A>
void field(A& a, graph::IdentityParts& p) {
  fields(a, p.node_type, p.interval, p.period, p.params_canon, p.dependencies, p.schema_compat_id,
         p.code_hash);
}
template <class A>
void field(A& a, graph::TagQuerySpec& q) {
  fields(a, q.tags, q.match_all, q.has_interval, q.interval);
}
template <class A>
void field(A& a, graph::Artifact& x) {
  fields(a, x.path, x.checksum, x.size, x.framework, x.dtype);
}
template <class A>
void field(A& a, graph::TopicShape& s) {
  fields(a, s.partitions, s.replication, s.retention_ms, s.cleanup);
}
template <class A>
void field(A& a, graph::ComputeContext& c) {
  fields(a, c.world_id, c.execution_domain, c.as_of, c.partition, c.dataset_fingerprint,
         c.safe_mode, c.downgrade);
}
template <class A>
void field(A& a, NodeRecord& n) {
  fields(a, n.row, n.id, n.parts, n.fingerprint, n.schema_hash, n.name, n.owner, n.tags, n.query,
         n.global, n.artifacts, n.created_at);
}
template <class A>
void field(A& a, QueueRecord& q) {
  graph::ComputeContext context;
  graph::Namespace name_space;
  graph::StrategyId strategy;
  if (q.binding) {
    context = q.binding->context;
    name_space = q.binding->name_space;
    strategy = q.binding->strategy;
  }
  fields(a, q.row, q.topic, q.type, q.shape, q.state, q.node, q.binding_key, q.compute_key, context,
         name_space, strategy, q.schema_hash, q.pending_schema_hash, q.buffering_since,
         q.created_at, q.ttl_ms, q.lag_alert_seconds);
  if constexpr (A::kReads)
    q.binding = std::make_shared<const BindingContext>(context, name_space, strategy);
}
template <class A>
void field(A& a, DeployNode& n) {
  fields(a, n.node, n.name, n.introduced);
}
template <class A>
void field(A& a, DeployRecord& d) {
  fields(a, d.key.strategy, d.key.context, d.key.version, d.key.node_set, d.nodes, d.sentinel_due,
         d.request_hash, d.answer_hash, d.first_seen, d.last_seen, d.ended_at);
}
template <class A>
void field(A& a, SentinelRecord& s) {
  fields(a, s.id, s.world, s.version, s.commit_hash, s.release_tag, s.traffic_weight, s.deploy_key,
         s.created_at);
}
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
void field(A& a, TopicLogRow& r) {
  fields(a, r.topic, r.action, r.type, r.shape, r.node_id, r.binding_key, r.actor, r.cause,
         r.result, r.at);
}
template <class A>
void field(A& a, QueueUpdate& u) {
  fields(a, u.query.tags, u.query.interval, u.query.match_all, u.query.scope.world_id,
         u.query.scope.execution_domain, u.queues);
}
template <class A>
void field(A& a, WeightUpdate& u) {
  fields(a, u.sentinel, u.version, u.world, u.weight);
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
template <class A>
void field(A& a, OutboxRow& r) {
  fields(a, r.id, r.key_seq, r.revision, r.created_at, r.queues, r.weight);
}

namespace {

constexpr std::string_view kMagicPrefix = "weir graph snapshot ";
constexpr std::string_view kMagic = "weir graph snapshot 1\n";

/// A log or outbox, row by row.
template <class Row, class A, class Rows>
void packed_rows(A& archive, Rows& rows) {
  const std::size_t count = archive.size(rows);
  for (std::size_t at = 0; at < count && archive.ok(); ++at) {
    Row row;
    if constexpr (!A::kReads) row = rows.row(at);
    field(archive, row);
    if constexpr (A::kReads) rows.add(row);
  }
}

/// The parts that are plain sequences.
template <class A>
void describe_rest(A& archive, MemoryGraph& graph) {
  fields(archive, graph.epoch, graph.last_row, graph.last_event, graph.sentinels);
  packed_rows<TopicLogRow>(archive, graph.log);
  packed_rows<OutboxRow>(archive, graph.outbox);
}

/// What an audit row says besides, beside the rows themselves.
template <class A>
void audit_words(A& archive, std::vector<AuditRow>& audit) {
  std::size_t count = audit.size();
  archive.number(count);
  for (std::size_t at = 0; at < count && at < audit.size(); ++at) {
    fields(archive, audit[at].subject, audit[at].note);
  }
}

/// A part that came later than the format: under its name, and only where there is something, so
/// that an older build reads a graph without it. A build that does not know a part refuses it.
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

constexpr const char* kSentinelWeightsPart = "sentinel_weights";
constexpr const char* kDeployWordsPart = "deploy_words";
constexpr const char* kAuditWordsPart = "audit_words";
constexpr const char* kHitsPart = "hits";
constexpr const char* kOrphansPart = "orphans";
constexpr const char* kLifecyclesPart = "lifecycles";
constexpr const char* kCollectingPart = "collecting";
constexpr const char* kGonePart = "gone";
constexpr const char* kRecomputesPart = "recomputes";
constexpr const char* kLogPrunedPart = "log_pruned";

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

  bool empty() const {
    return lifecycles.places.empty() && collecting.empty() && gone.empty() && recomputes.empty();
  }
};

EndParts end_parts(const MemoryGraph& graph) {
  EndParts parts{
      lifecycles_of(graph.outbox), {graph.collecting.begin(), graph.collecting.end()}, {}, {}};
  for (const auto& [row, queue] : graph.gone) parts.gone.push_back(queue);
  graph.index.for_each_queue([&](const QueueView& queue) {
    if (queue.recompute_due()) parts.recomputes.push_back(queue.row());
  });
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
  if (name == kRecomputesPart) {
    std::vector<RowId> rows;
    field(part, rows);
    for (const RowId row : rows) {
      const QueueView queue = graph.index.queue(row);
      if (!queue) return false;
      QueueRecord record = queue.record();
      record.recompute_due = true;
      graph.index.put_queue(record);
    }
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

void write_parts(SnapshotWriter& writer, MemoryGraph& graph) {
  const bool has_words = std::ranges::any_of(
      graph.audit, [](const AuditRow& row) { return !row.subject.empty() || !row.note.empty(); });
  const bool has_weights = std::ranges::any_of(
      graph.sentinels, [](const SentinelRecord& sentinel) { return sentinel.peak_weight > 0; });
  const bool has_deploy_words =
      std::ranges::any_of(graph.deploys.order(), [&](const std::string& key) {
        const DeployRecord& deploy = *std::as_const(graph).deploys.find(key);
        return deploy.taken_back_at || !deploy.baseline.empty() || !deploy.buckets.empty();
      });
  const bool has_parts = has_words || has_weights || has_deploy_words || !graph.hits.empty() ||
                         !graph.rollouts.empty() || graph.log_pruned;
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
}

/// False if a part is not known, or not what it should be.
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
    } else if (!read_end_part(name, part, graph)) {
      return false;
    }
    if (!part.ok() || !part.at_end()) return false;
  }
  graph.hits_open = static_cast<std::size_t>(
      std::ranges::count(graph.hits, HitState::Open, &CrossContextHit::state));
  return reader.ok();
}

Error damaged(const std::string& what) {
  return {Code::DataLoss, "snapshot_damaged",
          what +
              "; restore it from a backup, or move it away to begin with an "
              "empty graph"};
}

Error write_failed(const std::string& path) {
  return base::unavailable("graph_unavailable",
                           "cannot write the snapshot " + path + ": " + std::strerror(errno));
}

bool write_file(const std::string& path, std::string_view bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return false;
  const bool good = files::write_durably(file, bytes);
  return ::close(file) == 0 && good;
}

}  // namespace

std::string encode_snapshot(const MemoryGraph& graph) {
  std::string out(kMagic);
  SnapshotWriter writer(out);
  writer.number(graph.index.node_count());
  graph.index.for_each_node([&](const NodeView& view) {
    NodeRecord node = view.record();
    field(writer, node);
  });
  std::size_t queues = 0;
  graph.index.for_each_queue([&](const QueueView&) { ++queues; });
  writer.number(queues);
  graph.index.for_each_queue([&](const QueueView& view) {
    QueueRecord queue = view.record();
    field(writer, queue);
  });
  writer.number(graph.deploys.order().size());
  for (const std::string& key : graph.deploys.order()) {
    DeployRecord deploy = graph.deploys.whole(key);
    field(writer, deploy);
  }
  writer.number(graph.revisions.size());
  for (const auto& [key, revision] : graph.revisions) {
    writer.text(key);
    writer.number(revision);
  }
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): a SnapshotWriter only reads
  describe_rest(writer, const_cast<MemoryGraph&>(graph));
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): a SnapshotWriter only reads
  write_parts(writer, const_cast<MemoryGraph&>(graph));
  writer.bytes(base::blake3(out));
  return out;
}

Result<MemoryGraph> decode_snapshot(const std::string& bytes) {
  const std::string_view all(bytes);
  if (kMagic.starts_with(all)) return damaged("it is cut short");
  if (!all.starts_with(kMagicPrefix)) return damaged("it is not a graph snapshot");
  if (!all.starts_with(kMagic)) {
    return base::failed_precondition(
        "snapshot_version", "another version of Weir wrote the snapshot; this one reads 1");
  }
  if (all.size() < kMagic.size() + sizeof(base::Digest)) return damaged("it is cut short");
  const std::string_view content = all.substr(0, all.size() - sizeof(base::Digest));
  const base::Digest digest = base::blake3(content);
  if (std::memcmp(digest.data(), all.data() + content.size(), digest.size()) != 0) {
    return damaged("its checksum does not hold");
  }
  SnapshotReader reader(content.substr(kMagic.size()));
  MemoryGraph graph;
  std::size_t count = 0;
  reader.number(count);
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    NodeRecord node;
    field(reader, node);
    graph.index.add_node(node);
  }
  reader.number(count);
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    QueueRecord queue;
    field(reader, queue);
    if (reader.ok() && queue.row <= 0) return damaged("it has a queue without a number");
    if (reader.ok()) graph.index.put_queue(queue);
  }
  reader.number(count);
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    DeployRecord deploy;
    field(reader, deploy);
    graph.deploys.add(deploy.key.text(), deploy);
  }
  reader.number(count);
  for (std::size_t i = 0; i < count && reader.ok(); ++i) {
    std::string key;
    reader.text(key);
    reader.number(graph.revisions[key]);
  }
  describe_rest(reader, graph);
  if (!read_parts(reader, graph) || !reader.at_end()) {
    return damaged("its records do not fit together");
  }
  return graph;
}

Result<MemoryGraph> load_snapshot(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0) {
    if (errno == ENOENT) return MemoryGraph{};
    return base::unavailable("graph_unavailable",
                             "cannot look for the snapshot " + path + ": " + std::strerror(errno));
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  if (!file || !bytes) return damaged("snapshot " + path + " cannot be read");
  auto graph = decode_snapshot(bytes.str());
  if (!graph.ok()) return std::move(graph).error().prepend("snapshot " + path);
  return graph;
}

Result<void> save_snapshot(const std::string& path, const MemoryGraph& graph) {
  const std::string temporary = path + ".new";
  if (!write_file(temporary, encode_snapshot(graph))) return write_failed(path);
  if (::rename(temporary.c_str(), path.c_str()) != 0) return write_failed(path);
  if (!files::sync_folder_of(path)) return write_failed(path);
  return {};
}

}  // namespace weir::dagmanager
