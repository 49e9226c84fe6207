// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <semaphore>
#include <utility>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/graph_change.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

/// New nodes on their way into PostgreSQL: the largest part of a change, and the one part that
/// depends on no topic.
namespace weir::dagmanager {

/// The statements that insert nodes and what they say of artifacts, and the place of the one result
/// that is looked at (of judge_artifacts), if it was added.
std::optional<std::size_t> add_nodes(postgres::Pipeline& pipeline, std::vector<NodeOfRow> nodes);

/// INVALID_ARGUMENT `artifact_invalid` if a checksum is known with another size.
Result<void> judge_artifacts(const postgres::Rows& odd);

/// The nodes of a diff, inserted while its names are reserved and its topics are made, in a
/// transaction that stays open on a connection of its own until the change is committed in it. The
/// locks it holds are those that a change takes first, so nobody can wait for it in a circle; what
/// waits for it, waits for as long as the topics of one diff take.
///
/// It is an attempt: where it cannot begin or does not come to its end, the change is written from
/// its beginning.
class NodesAhead final : public WrittenAhead {
 public:
  using Places = std::counting_semaphore<>;

  /// What finish() hands over: the connection, its transaction open.
  struct Written {
    postgres::Pool::Lease connection;
    std::optional<postgres::Rows> odd_artifacts;
  };

  /// Draws the rows of the nodes (one round trip) and hands the nodes over. Null if all places are
  /// taken, no connection is free, or the server does not do it. Pool and places outlive it.
  static std::shared_ptr<NodesAhead> begin(postgres::Pool& pool, Places& places,
                                           const std::vector<NodeRecord>& nodes);

  /// The rows drawn for the nodes, in their order.
  const std::vector<RowId>& rows() const { return rows_; }

  /// Waits until the nodes are in. Nothing if they are not, or are not those of this change; then
  /// the transaction is rolled back. Once.
  std::optional<Written> finish(const std::vector<NodeRecord>& nodes);

 private:
  struct Leave {
    void operator()(Places* places) const { places->release(); }
  };
  using Place = std::unique_ptr<Places, Leave>;

  NodesAhead(Place place, postgres::Pool::Lease connection)
      : place_(std::move(place)), connection_(std::move(connection)), pipeline_(**connection_) {}

  Place place_;
  std::optional<postgres::Pool::Lease> connection_;
  postgres::Pipeline pipeline_;
  std::vector<RowId> rows_;
  std::optional<std::size_t> odd_artifacts_;
};

}  // namespace weir::dagmanager
