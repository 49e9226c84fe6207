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
#include "dagmanager/ports/postgres_change_rows.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

/// New nodes on their way into PostgreSQL: the largest part of a change, and the one part that
/// depends on no topic.
namespace weir::dagmanager {

/// The nodes of a diff, inserted while its names are reserved and its topics are made, in a
/// transaction that stays open on a connection of its own until the change is committed in it. Once
/// the names are reserved, all other rows of the change that come before the epoch can follow them:
/// they are what they will be if the topics come as they are wanted. The locks it holds are those
/// that a change takes first, in their order, so nobody can wait for it in a circle; what waits for
/// it, waits for as long as the topics of one diff take.
///
/// It is an attempt: where it cannot begin or does not come to its end, the change is written from
/// its beginning.
class NodesAhead final : public WrittenAhead {
 public:
  using Places = std::counting_semaphore<>;

  /// What finish() hands over: the connection, its transaction open.
  struct Written {
    postgres::Pool::Lease connection;
    ChangeRows rows;
    bool whole = false;  ///< the rows after the nodes are in, too
  };

  /// Null if all places are taken or no connection is free. Pool and places outlive it.
  static std::shared_ptr<NodesAhead> find_place(postgres::Pool& pool, Places& places);

  /// Draws the rows of the nodes (one round trip) and hands the nodes over. False, and this is of
  /// no more use, if the server does not do it.
  bool begin(const std::vector<NodeRecord>& nodes);

  /// The rows drawn for the nodes, in their order.
  const std::vector<RowId>& rows() const { return rows_; }

  /// Hands over the rest of the change that these are the nodes of. Once.
  void extend(const GraphChange& change);

  /// Waits until all is in. Nothing if it is not, or is not of this change; then the transaction is
  /// rolled back. Once.
  std::optional<Written> finish(const GraphChange& change);

 private:
  struct Leave {
    void operator()(Places* places) const { places->release(); }
  };
  using Place = std::unique_ptr<Places, Leave>;

  NodesAhead(Place place, postgres::Pool::Lease connection)
      : place_(std::move(place)), connection_(std::move(connection)), pipeline_(**connection_) {}

  bool holds_nodes_of(const GraphChange& change) const;
  bool holds(const GraphChange& change) const;

  Place place_;
  std::optional<postgres::Pool::Lease> connection_;
  postgres::Pipeline pipeline_;
  std::vector<RowId> rows_;
  ChangePlaces places_;
  bool whole_ = false;
  bool failed_ = false;
  // What was handed over after the nodes.
  std::vector<QueuePromotion> queues_;
  std::vector<BufferMark> marks_;
  std::optional<DeployRecord> deploy_;
  bool deploy_known_ = false;
};

}  // namespace weir::dagmanager
