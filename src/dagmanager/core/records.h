// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/blake3.h"
#include "base/clock.h"
#include "graph/dag.h"
#include "graph/ids.h"
#include "graph/topic.h"

/// What the graph store keeps (contract section 3.17), as plain data. Engines differ in how they
/// lay it out; these are the words every part of the DAG manager speaks.
namespace weir::dagmanager {

/// Number of a node or queue inside one store; never used again, never on the wire.
using RowId = std::int64_t;

/// The state of the graph: one counter, raised by every transaction that changes a node, a queue, a
/// binding or a mark (section 3.18).
using Epoch = std::int64_t;

/// A compute node. Append-only: a change makes a new node.
struct NodeRecord {
  RowId row = 0;
  graph::NodeId id;
  graph::IdentityParts parts;
  base::Digest fingerprint{};  ///< BLAKE3 of the canonical bytes; tells true conflicts (2.5)
  std::string schema_hash;
  std::string name;
  std::string owner;
  std::vector<std::string> tags;
  std::optional<graph::TagQuerySpec> query;
  bool global = false;
  std::vector<graph::Artifact> artifacts;
  Instant created_at{};

  friend bool operator==(const NodeRecord&, const NodeRecord&) = default;
};

/// Which queues one tag query sees: those without a namespace, or those of one world and domain.
struct QueryScope {
  std::string world_id;  ///< both empty: queues without a namespace
  std::string execution_domain;

  friend bool operator==(const QueryScope&, const QueryScope&) = default;
  friend auto operator<=>(const QueryScope&, const QueryScope&) = default;
};

/// In which context a queue is written; shared by all queues of a deploy.
struct BindingContext {
  BindingContext(graph::ComputeContext where, graph::Namespace prefix, graph::StrategyId who)
      : context(std::move(where)), name_space(std::move(prefix)), strategy(std::move(who)) {
    if (!name_space.empty()) scope = {context.world_id, context.execution_domain};
  }

  graph::ComputeContext context;
  graph::Namespace name_space;
  graph::StrategyId strategy;
  QueryScope scope;  ///< follows from the above

  friend bool operator==(const BindingContext&, const BindingContext&) = default;
};

/// An intent is a queue whose topic may or may not exist yet. What is leaving holds its topic's
/// name until the topic is gone, and is bound to nothing (section 3.19).
enum class QueueState : std::uint8_t { Intent, Active, Leaving };

/// A topic and what it is bound to: the Queue node and its EMITS relation in one record, since a
/// queue is never shared.
struct QueueRecord {
  RowId row = 0;
  graph::TopicName topic;
  graph::TopicType type = graph::TopicType::Indicator;
  graph::TopicShape shape;
  QueueState state = QueueState::Intent;
  RowId node = 0;
  graph::BindingKey binding_key;
  graph::ComputeKey compute_key;
  std::shared_ptr<const BindingContext> binding;
  std::string schema_hash;          ///< the one its content follows
  std::string pending_schema_hash;  ///< announced while buffering; empty: none
  std::optional<Instant> buffering_since;
  bool recompute_due = false;  ///< it buffered for too long: its content is to be computed in full
  bool completed = false;      ///< nobody writes to it any more: told sets leave it out (3.14)
  Instant created_at{};
  std::int64_t ttl_ms = 0;
  std::int64_t lag_alert_seconds = 0;
};

/// What makes a deploy the same deploy (section 3.12).
struct DeployKey {
  graph::StrategyId strategy;
  graph::ComputeContext context;
  graph::VersionLabel version;
  std::string node_set;  ///< hash of the sorted node ids

  /// Hex of a hash over all of the above: the row's key.
  std::string text() const;

  friend bool operator==(const DeployKey&, const DeployKey&) = default;
};

/// One node of a deploy.
struct DeployNode {
  RowId node = 0;
  std::string name;
  bool introduced = false;

  friend bool operator==(const DeployNode&, const DeployNode&) = default;
};

/// A committed diff: what keeps its queues alive, and what rollback returns to (section 3.12).
struct DeployRecord {
  DeployKey key;
  std::vector<DeployNode> nodes;  ///< in submission order
  bool sentinel_due = false;
  base::Digest request_hash{};
  base::Digest answer_hash{};
  Instant first_seen{};
  Instant last_seen{};
  std::optional<Instant> ended_at;
  std::optional<Instant> taken_back_at = {};  ///< by a rollback; a new submission clears it
  std::string baseline = {};  ///< text() of the key of what it took over from; empty: none
  std::vector<std::string> buckets = {};  ///< of the nodes, in order; empty: none has one

  friend bool operator==(const DeployRecord&, const DeployRecord&) = default;
};

/// A version boundary (section 3.3); keyed by (world, id, version). Its HAS set is its deploy's.
struct SentinelRecord {
  graph::SentinelId id;
  graph::WorldId world;
  graph::VersionLabel version;
  std::string commit_hash;
  std::string release_tag;
  std::optional<double> traffic_weight;
  std::optional<double> live_weight = {};  ///< the last one above 0, as far as it was noted
  double peak_weight = 0;                  ///< the highest, likewise
  std::optional<Instant> retired_at = {};  ///< since when nothing holds it, as a pass saw it
  std::string deploy_key;  ///< DeployKey::text(): the newest deploy under it, or one that came back
  Instant created_at{};

  friend bool operator==(const SentinelRecord&, const SentinelRecord&) = default;
};

/// One row of the topic log (section 3.19): only ever added.
struct TopicLogRow {
  graph::TopicName topic;
  std::string action;  ///< `create`, `adopt`, `mismatch`, `id_conflict`
  graph::TopicType type = graph::TopicType::Indicator;
  graph::TopicShape shape;
  std::string node_id;
  std::string binding_key;
  std::string actor;
  std::string cause;
  std::string result;
  Instant at{};

  friend bool operator==(const TopicLogRow&, const TopicLogRow&) = default;
};

}  // namespace weir::dagmanager
