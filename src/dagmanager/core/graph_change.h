// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/result.h"
#include "dagmanager/core/records.h"

/// What a diff writes: intents before its topics are made, one change after (contract section 3.2).
namespace weir::dagmanager {

/// A topic a diff wants: the content of an intent row (contract section 3.19).
struct TopicIntent {
  graph::TopicName topic;
  graph::TopicType type = graph::TopicType::Indicator;
  graph::TopicShape shape;
  graph::NodeId node;
  graph::BindingKey binding_key;
  graph::ComputeKey compute_key;
  graph::TopicName gives_up;  ///< name the binding holds and no longer wants; empty: none
};

/// All intents of one diff; committed together, before its first topic is made.
struct IntentBatch {
  std::string diff_id;
  std::shared_ptr<const BindingContext> binding;
  std::vector<TopicIntent> intents;
  std::size_t new_nodes = 0;  ///< how many node rows the diff will add
  /// Those nodes, in order, their rows not yet drawn: a store may begin to write them. Or none.
  std::vector<NodeRecord> nodes = {};
  Instant at{};
};

/// Rows of a change that a store has written ahead of it, uncommitted. Gone without a trace unless
/// a commit of that change takes it over.
class WrittenAhead {
 public:
  virtual ~WrittenAhead() = default;
};

/// What became of one intent. A name that another binding holds is not ours: take the next. A
/// binding that holds another name than the wanted one, and does not give it up, keeps it: 0 as
/// well, and the next name to take is the one it holds.
struct IntentOutcome {
  RowId queue = 0;       ///< the row that now holds the name for this binding; 0: taken by another
  bool joined = false;   ///< the same binding key had it already (an earlier try, or a twin)
  bool leaving = false;  ///< taken by a topic that is being removed: free before long
};

/// What `reserve` gave: an outcome an intent, in order, and row numbers for the nodes to come.
struct Reservation {
  std::vector<IntentOutcome> outcomes;
  std::vector<RowId> node_rows;
  std::shared_ptr<WrittenAhead> ahead = {};  ///< for the change, if its store began to write it
};

/// A mark on a reused queue: its node's schema_hash moved on (section 3.6).
struct BufferMark {
  RowId queue = 0;
  std::string pending_schema_hash;
  std::optional<Instant> since;  ///< set: begin buffering; nothing: only the announced hash changes

  friend bool operator==(const BufferMark&, const BufferMark&) = default;
};

/// An intent that becomes a queue, with the shape its topic really has.
struct QueuePromotion {
  RowId queue = 0;
  RowId node = 0;
  graph::TopicShape shape;
  std::string schema_hash;
  std::int64_t ttl_ms = 0;
  std::int64_t lag_alert_seconds = 0;

  friend bool operator==(const QueuePromotion&, const QueuePromotion&) = default;
};

/// From whom a deploy takes over its share of traffic (section 3.16).
struct Handover {
  graph::VersionLabel former;
  std::string baseline;  ///< the former's deploy key
  std::string actor;

  friend bool operator==(const Handover&, const Handover&) = default;
};

/// Everything one diff changes, written in one transaction or not at all (section 3.2, step 11).
struct GraphChange {
  std::string diff_id;
  std::string actor;                   ///< whose diff it is
  Epoch base = 0;                      ///< epoch of the view it was decided on: the fence
  std::vector<std::string> dag_nodes;  ///< ids of the whole DAG; a foreign change to one refuses
  std::vector<NodeRecord> nodes;       ///< rows from the reservation
  std::vector<QueuePromotion> queues;  ///< intents become queues
  std::vector<BufferMark> marks;
  std::shared_ptr<const BindingContext> binding;
  std::optional<DeployRecord> deploy;  ///< insert, or move last_seen and revive
  /// Only last_seen moves. Not of one that was ended: its nodes may have been removed since
  /// (section 3.24), so that its rows are stored anew.
  bool deploy_known = false;
  std::optional<SentinelRecord> sentinel;
  /// The sentinel takes the weight of this version of it, which falls to 0; where it may not, the
  /// whole change is refused.
  std::optional<Handover> handover = {};
  std::vector<TopicLogRow> log;
  Instant at{};
  std::shared_ptr<WrittenAhead> ahead = {};  ///< of the reservation; changes nothing but the time

  /// Nothing but a moved last_seen: no epoch is raised for it.
  bool touches_graph() const { return !nodes.empty() || !queues.empty() || !marks.empty(); }
};

/// A queue as the change leaves it: the intent promoted, the queue marked.
QueueRecord promoted(QueueRecord intent, const QueuePromotion& promotion,
                     const GraphChange& change);
QueueRecord marked(QueueRecord queue, const BufferMark& mark);

/// The stored size of the artifact of a checksum; nothing if none is.
using ArtifactSize = std::function<std::optional<std::int64_t>(const std::string&)>;

/// Artifacts are merged by their checksum (section 3.24), so each has one size. INVALID_ARGUMENT
/// `artifact_invalid`, with one fault, if one of these nodes, which are new, says another.
Result<void> check_artifacts(std::span<const NodeRecord> nodes, const ArtifactSize& stored);

/// What the path of that fault begins with: the node's id in a store, its place in a document.
std::string artifacts_path(std::string_view node);

/// What a commit did.
struct Committed {
  Epoch epoch = 0;
  std::size_t events = 0;  ///< outbox rows written
  /// Why the sentinel's weight was left out, all else being written (section 3.3).
  std::optional<Error> weight_refused = {};
  std::optional<double> handed_over = {};  ///< the weight that the sentinel took over
};

}  // namespace weir::dagmanager
