// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/memory_snapshot.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>
#include <string_view>

#include "dagmanager/ports/memory_snapshot_parts.h"
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
    graph.artifacts.add(node);
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
