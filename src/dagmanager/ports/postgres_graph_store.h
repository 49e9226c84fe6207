// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "dagmanager/ports/graph_store.h"
#include "dagmanager/ports/postgres_graph_mirror.h"
#include "dagmanager/ports/postgres_limits.h"

namespace weir::postgres {
class Params;
class Pipeline;
class Pool;
class Rows;
struct Statement;
}  // namespace weir::postgres

/// GraphStore on PostgreSQL, shared by any number of instances (contract section 3.18).
///
/// Every instance holds the whole graph in memory (the mirror) and asks the database, at each diff,
/// in one statement: which epoch is it, and do you know this deploy? The same epoch as the
/// mirror's: the diff is decided on the mirror. A later one: the rows that were touched in between
/// are fetched and put into the mirror first; too many of them, or another history: everything is
/// read again.
///
/// Intents are not counted by the epoch. The mirror knows those of its own instance and those it
/// happened to meet; the unique keys of the table decide.
///
/// Where the topics are in the same database, so that the way from the intents to the change is
/// short, the new nodes are written while the rest of that way is gone (NodesAhead).
///
/// A change is two exchanges in one transaction. The first writes all its rows, locks the epoch row
/// last, and reads what others changed since the diff was decided. A change by another of a node of
/// this graph: roll back, `graph_moved`. Else the events are decided on the mirror and the second
/// exchange writes them, raises the epoch and commits. Faults:
///   connection lost before COMMIT       nothing was written: `graph_unavailable`
///   lost between COMMIT and its reply   `commit_unknown`; the next read sees by the epoch whether
///   it
///                                       was, so the mirror needs no care
///   deadlock, serialization             repeated, kStoreTriesMax times, then `graph_moved`
///   a node, name or binding that another instance took first: unique violation, `graph_moved`
namespace weir::dagmanager {

/// When the intents of a diff reach the disk.
enum class IntentSync : std::uint8_t {
  OnReserve,   ///< before reserve() returns
  WithTopics,  ///< with the topics: for a registry in the same database, whose rows come later in
               ///< the same write-ahead log and so never outlive the intents; an fsync less a diff
};

class PostgresGraphStore final : public GraphStore {
 public:
  /// The schema must be prepared (prepare_graph_schema). Pool and `random` outlive the store.
  PostgresGraphStore(postgres::Pool& pool, Random& random,
                     IntentSync intent_sync = IntentSync::OnReserve)
      : pool_(pool), random_(random), intent_sync_(intent_sync) {}

  Result<GraphView> read(const DeployKey* deploy) override;
  using GraphStore::reserve;
  Result<Reservation> reserve(const IntentBatch& batch,
                              const std::function<void()>& meanwhile) override;
  void write_ahead(const GraphChange& change) override;
  Result<Committed> commit(const GraphChange& change) override;
  void settle() override { mirror_.settle(); }
  Result<std::optional<DeployRecord>> newest_deploy(
      const graph::StrategyId& strategy, const std::optional<graph::WorldId>& world) override;
  Result<std::optional<SentinelRecord>> newest_sentinel(const graph::SentinelId& id,
                                                        const graph::WorldId& world) override;
  Result<std::vector<std::pair<RowId, TopicLogRow>>> topic_log(RowId after,
                                                               std::size_t limit) override;
  Result<void> ping() override;

  /// For a transaction that holds the epoch, on its own connection: the graph at `locked`, which is
  /// where the transaction found it. ABORTED `graph_moved` if too much changed to learn it there.
  Result<GraphView> view_inside(postgres::Connection& connection, const GraphPosition& locked);

 private:
  class Beside;  // postgres_graph_reserve.cc
  class Commit;  // postgres_graph_commit.cc
  /// What the database says of itself and of a deploy.
  struct Standing {
    GraphPosition position;
    std::optional<DeploySeen> deploy;
  };

  Result<postgres::Rows> ask_for(const postgres::Statement& statement,
                                 const postgres::Params& params);
  Result<Standing> ask(const DeployKey* deploy);
  Result<void> refresh(const GraphPosition& wanted);
  void begin_reserve(postgres::Pipeline& pipeline) const;
  Result<Reservation> reserve_free(const IntentBatch& batch, const std::vector<std::string>& keys,
                                   const std::vector<RowId>& nodes, Beside& beside);
  Result<Reservation> reserve_contested(const IntentBatch& batch,
                                        const std::vector<std::string>& keys,
                                        const std::vector<RowId>& nodes, Beside& beside);

  postgres::Pool& pool_;
  Random& random_;
  const IntentSync intent_sync_;
  GraphMirror mirror_;
  std::counting_semaphore<> ahead_places_{kWriteAheadDiffs};
  std::mutex refresh_mutex_;  // one thread fetches, the others wait for it; taken before any other
};

}  // namespace weir::dagmanager
