// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/graph_index.h"

namespace weir::postgres {
class Connection;
}  // namespace weir::postgres

namespace weir::dagmanager {

/// A point in the history of the graph. Every epoch has a stamp of its own: equal epochs with other
/// stamps belong to histories that parted (a restored backup).
struct GraphPosition {
  Epoch epoch = -1;  ///< -1: nothing was read yet
  std::int64_t stamp = 0;

  friend bool operator==(const GraphPosition&, const GraphPosition&) = default;
};

/// What the graph gained between two positions: all of it as it is at `to`.
struct GraphDelta {
  GraphPosition from;
  GraphPosition to;
  std::vector<NodeRecord> nodes;    ///< by row
  std::vector<QueueRecord> queues;  ///< by row
  std::vector<RowId> gone = {};     ///< queues that were bound and are no more
  std::vector<RowId> gone_nodes = {};
};

/// The whole graph, as it was at a position.
struct GraphCopy {
  GraphPosition position;
  GraphIndex index;
};

/// This instance's copy of the graph. Any number of readers share it; a writer that waits lets no
/// further reader in, so planning cannot starve it.
///
/// What was just learned waits beside it until someone looks, or until settle(): whoever commits
/// has an answer to give first. Intents just reserved wait longer: mostly they are queues before
/// anyone looks at intents.
class GraphMirror {
 public:
  /// The copy held still; look at it through index() and position() as long as it lives.
  std::shared_lock<std::shared_mutex> share() const;
  /// The same, for one who does not ask for intents.
  std::shared_lock<std::shared_mutex> share_without_staged() const;
  const GraphIndex& index() const { return copy_.index; }
  const GraphPosition& position() const { return copy_.position; }

  /// Where the copy is, and how often it has moved.
  struct Standing {
    GraphPosition position;
    std::uint64_t generation = 0;
  };
  Standing standing() const;

  /// Moves on from delta.from to delta.to. False, and nothing changes, if the mirror is not at
  /// `from`.
  bool apply(GraphDelta delta);
  /// Puts what was learned into the copy now, so that the next reader need not.
  void settle();
  /// Intents that were reserved or met, and rows of intents that were given up.
  void apply_intents(std::vector<QueueRecord>&& intents, const std::vector<RowId>& given_up);
  /// Queues and intents by row, in order; nothing if one of them is not known.
  std::optional<std::vector<QueueRecord>> find_queues(std::span<const RowId> rows) const;
  void replace(GraphCopy copy);

 private:
  struct Writing;
  std::shared_lock<std::shared_mutex> share_as_it_is() const;
  std::vector<GraphDelta> put_learned() const;
  void put_staged() const;

  mutable std::mutex turnstile_;  // taken before mutex_, and by readers for a moment only
  mutable std::shared_mutex mutex_;
  // Readers put what was learned and what is staged into the index; its position is that of the
  // last delta learned. Written under both locks.
  mutable GraphCopy copy_;
  mutable std::vector<GraphDelta> learned_;
  mutable absl::flat_hash_map<RowId, QueueRecord> staged_;
  std::uint64_t generation_ = 0;
};

/// Fetches what came after `from`, in one exchange and one snapshot. Nothing if `from` is of
/// another history, or if more than kDeltaRowsMax rows were touched: then copy the graph.
Result<std::optional<GraphDelta>> fetch_delta(postgres::Connection& connection,
                                              const GraphPosition& from);

/// The rows touched above `from` and up to `to`, inside the open transaction that holds the epoch.
Result<std::optional<GraphDelta>> fetch_delta_inside(postgres::Connection& connection,
                                                     const GraphPosition& from,
                                                     const GraphPosition& to);

/// Reads everything, in pages, in one snapshot.
Result<GraphCopy> copy_graph(postgres::Connection& connection);

}  // namespace weir::dagmanager
