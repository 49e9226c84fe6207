// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/postgres_graph_nodes.h"

#include <algorithm>
#include <utility>

#include "dagmanager/ports/postgres_graph_sql.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Pool;
using postgres::Rows;

}  // namespace

std::shared_ptr<NodesAhead> NodesAhead::find_place(Pool& pool, Places& places) {
  if (!places.try_acquire()) return nullptr;
  Place place(&places);
  auto connection = pool.acquire(Duration::zero());
  if (!connection.ok()) return nullptr;
  return std::shared_ptr<NodesAhead>(new NodesAhead(std::move(place), *std::move(connection)));
}

bool NodesAhead::begin(const std::vector<NodeRecord>& nodes) {
  Pipeline drawing(**connection_);
  Params count;
  count.int64(std::ssize(nodes));
  drawing.begin();
  const std::size_t drawn = drawing.add(sql::kDrawNodeRows, std::move(count));
  const auto results = drawing.run();
  if (!results.ok()) return false;
  std::vector<NodeOfRow> with_rows;
  with_rows.reserve(nodes.size());
  rows_.reserve(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    rows_.push_back((*results)[drawn].int64(i, 0));
    with_rows.push_back({rows_.back(), &nodes[i]});
  }
  places_.artifacts = add_nodes(pipeline_, std::move(with_rows));
  return pipeline_.start(/*more=*/true).ok();
}

void NodesAhead::extend(const GraphChange& change) {
  if (!connection_ || whole_ || !holds_nodes_of(change)) return;
  add_queues(pipeline_, change, places_);
  add_deploy(pipeline_, change, places_);
  whole_ = true;
  failed_ = !pipeline_.extend().ok();
  queues_ = change.queues;
  marks_ = change.marks;
  deploy_ = change.deploy;
  deploy_known_ = change.deploy_known;
}

bool NodesAhead::holds_nodes_of(const GraphChange& change) const {
  return std::ranges::equal(change.nodes, rows_, {}, &NodeRecord::row);
}

/// Whether what was written is of the change as it is now.
bool NodesAhead::holds(const GraphChange& change) const {
  if (failed_ || !holds_nodes_of(change)) return false;
  return !whole_ || (change.queues == queues_ && change.marks == marks_ &&
                     change.deploy == deploy_ && change.deploy_known == deploy_known_);
}

std::optional<NodesAhead::Written> NodesAhead::finish(const GraphChange& change) {
  if (!connection_) return std::nullopt;
  if (!holds(change)) {
    connection_.reset();  // its locks would be in the way of the change
    place_.reset();
    return std::nullopt;
  }
  auto results = pipeline_.finish();
  Pool::Lease connection = *std::exchange(connection_, std::nullopt);
  place_.reset();
  if (!results.ok()) return std::nullopt;
  return Written{std::move(connection), take_rows(*results, places_), whole_};
}

}  // namespace weir::dagmanager
