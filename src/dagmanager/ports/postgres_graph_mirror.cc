// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/postgres_graph_mirror.h"

#include <algorithm>
#include <utility>

#include "dagmanager/ports/limits.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_graph_sql.h"
#include "dagmanager/ports/postgres_limits.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pipeline.h"

namespace weir::dagmanager {
namespace {

using postgres::Connection;
using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;

constexpr auto kDeltaLimit = static_cast<std::int64_t>(kDeltaRowsMax) + 1;

/// The stamps from $1 on, to see whether a history goes through a position.
constexpr postgres::Statement kReadStamps = {
    "dag_read_stamps",
    "SELECT epoch, stamp FROM weir_dagmanager.graph_change WHERE epoch >= $1 ORDER BY epoch"
    " LIMIT $2"};

/// Queues, and nodes, that changes after $1 removed.
constexpr postgres::Statement kReadGone = {
    "dag_read_gone",
    "SELECT generate_series(lower(r), upper(r) - 1), false FROM weir_dagmanager.graph_change c,"
    " unnest(c.gone_ids) r WHERE c.epoch > $1"
    " UNION ALL SELECT generate_series(lower(r), upper(r) - 1), true"
    " FROM weir_dagmanager.graph_change c, unnest(c.gone_nodes) r WHERE c.epoch > $1"};

/// A new row that holds a name or binding which another row had: the other one is no more.
void put_newer(GraphIndex& index, const QueueRecord& queue) {
  if (!index.queue(queue.row)) {
    QueueView held = index.queue_by_topic(graph::topic_key(queue.topic));
    if (held) index.remove_queue(held.row());
    held = index.queue_by_binding(queue.binding_key);
    if (held) index.remove_queue(held.row());
  }
  index.put_queue(queue);
}

/// Places of the results of the statements of one delta.
struct DeltaPlaces {
  std::size_t nodes;
  std::size_t uses;
  std::size_t queues;
  std::size_t contexts;
  std::size_t gone;
};

DeltaPlaces add_delta(Pipeline& pipeline, Epoch above) {
  Params limited;
  limited.int64(above).int64(kDeltaLimit);
  Params plain;
  plain.int64(above);
  DeltaPlaces at{};
  at.nodes = pipeline.add(sql::kReadTouchedNodes, limited);
  at.uses = pipeline.add(sql::kReadTouchedUses, plain);
  at.queues = pipeline.add(sql::kReadTouchedQueues, limited);
  at.contexts = pipeline.add(sql::kReadTouchedContexts, plain);
  at.gone = pipeline.add(kReadGone, plain);
  return at;
}

Result<std::optional<GraphDelta>> read_delta(const std::vector<Rows>& results,
                                             const DeltaPlaces& at, GraphDelta delta) {
  const Rows& nodes = results[at.nodes];
  const Rows& queues = results[at.queues];
  if (nodes.size() + queues.size() > kDeltaRowsMax) return std::optional<GraphDelta>();
  BindingContexts contexts;
  read_contexts(results[at.contexts], contexts);
  delta.nodes.reserve(nodes.size());
  for (std::size_t row = 0; row < nodes.size(); ++row) delta.nodes.push_back(read_node(nodes, row));
  read_uses(results[at.uses], delta.nodes);
  delta.queues.reserve(queues.size());
  for (std::size_t row = 0; row < queues.size(); ++row) {
    WEIR_TRY(QueueRecord queue, read_queue(queues, row, contexts));
    delta.queues.push_back(std::move(queue));
  }
  const Rows& gone = results[at.gone];
  for (std::size_t row = 0; row < gone.size(); ++row) {
    (gone.boolean(row, 1) ? delta.gone_nodes : delta.gone).push_back(gone.int64(row, 0));
  }
  return std::optional(std::move(delta));
}

/// Whether the stamps, read from the epoch of `from` on, show one unbroken history from there to
/// `to`.
bool goes_through(const Rows& stamps, const GraphPosition& from, const GraphPosition& to) {
  if (from.epoch < 0 || from.epoch > to.epoch) return false;
  Epoch next = std::max<Epoch>(from.epoch, 1);  // nothing was changed at epoch 0
  for (std::size_t row = 0; row < stamps.size(); ++row, ++next) {
    const GraphPosition passed{stamps.int64(row, 0), stamps.int64(row, 1)};
    if (passed.epoch != next) return false;
    if (passed.epoch == from.epoch && passed.stamp != from.stamp) return false;
    if (passed.epoch == to.epoch && passed.stamp != to.stamp) return false;
  }
  return next == to.epoch + 1;
}

Params stamps_params(const GraphPosition& from) {
  Params params;
  params.int64(from.epoch).int64(kDeltaLimit);
  return params;
}

Result<void> copy_nodes(Connection& connection, GraphIndex& index) {
  RowId last = 0;
  while (true) {
    Params page;
    page.int64(last).int64(kCopyPageRows);
    WEIR_TRY(const Rows rows, connection.execute(sql::kReadNodePage, page));
    if (rows.empty()) return {};
    std::vector<NodeRecord> nodes;
    nodes.reserve(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) nodes.push_back(read_node(rows, row));
    last = nodes.back().row;
    Params ends;
    ends.int64(nodes.front().row).int64(last);
    WEIR_TRY(const Rows uses, connection.execute(sql::kReadUses, ends));
    read_uses(uses, nodes);
    for (const NodeRecord& node : nodes) index.add_node(node);
  }
}

Result<void> copy_queues(Connection& connection, const BindingContexts& contexts,
                         GraphIndex& index) {
  RowId last = 0;
  while (true) {
    Params page;
    page.int64(last).int64(kCopyPageRows);
    WEIR_TRY(const Rows rows, connection.execute(sql::kReadQueuePage, page));
    if (rows.empty()) return {};
    for (std::size_t row = 0; row < rows.size(); ++row) {
      last = rows.int64(row, 0);
      const std::string_view state = rows.text(row, 7);
      if (state != "intent" && state != "active") continue;  // a newer build's
      WEIR_TRY(const QueueRecord queue, read_queue(rows, row, contexts));
      index.put_queue(queue);
    }
  }
}

}  // namespace

/// The lock of a writer: the turnstile is held while it waits for the readers to leave.
struct GraphMirror::Writing {
  explicit Writing(const GraphMirror& mirror) : turnstile(mirror.turnstile_), lock(mirror.mutex_) {}
  std::scoped_lock<std::mutex> turnstile;
  std::scoped_lock<std::shared_mutex> lock;
};

std::shared_lock<std::shared_mutex> GraphMirror::share() const {
  while (true) {
    {
      auto lock = share_as_it_is();
      if (learned_.empty() && staged_.empty()) return lock;
    }
    const Writing writing(*this);
    put_learned();
    put_staged();
  }
}

std::shared_lock<std::shared_mutex> GraphMirror::share_without_staged() const {
  while (true) {
    {
      auto lock = share_as_it_is();
      if (learned_.empty()) return lock;
    }
    const Writing writing(*this);
    put_learned();
  }
}

std::shared_lock<std::shared_mutex> GraphMirror::share_as_it_is() const {
  const std::scoped_lock turnstile(turnstile_);
  return std::shared_lock(mutex_);
}

GraphMirror::Standing GraphMirror::standing() const {
  const auto lock = share_as_it_is();
  return {copy_.position, generation_};
}

/// By a writer. Gives what it was learned from.
std::vector<GraphDelta> GraphMirror::put_learned() const {
  for (const GraphDelta& delta : learned_) {
    // What is staged is older than the delta, which has some of it as it is by now.
    for (const QueueRecord& queue : delta.queues) staged_.erase(queue.row);
    put_staged();
    // What is no more gives its names away before others take them.
    if (!delta.gone_nodes.empty()) {
      for (const RowId row : delta.gone) copy_.index.remove_queue(row);
      for (const RowId row : delta.gone_nodes) copy_.index.remove_node(row);
    }
    for (const NodeRecord& node : delta.nodes) copy_.index.add_node(node);
    for (const QueueRecord& queue : delta.queues) put_newer(copy_.index, queue);
    for (const RowId row : delta.gone) copy_.index.remove_queue(row);
  }
  return std::exchange(learned_, {});
}

/// By a writer.
void GraphMirror::put_staged() const {
  for (const auto& [row, intent] : staged_) {
    if (!copy_.index.queue(row)) put_newer(copy_.index, intent);
  }
  staged_.clear();
}

bool GraphMirror::apply(GraphDelta delta) {
  const Writing writing(*this);
  if (copy_.position != delta.from) return false;
  copy_.position = delta.to;
  ++generation_;
  learned_.push_back(std::move(delta));
  return true;
}

void GraphMirror::settle() {
  {
    const auto lock = share_as_it_is();
    if (learned_.empty()) return;
  }
  std::vector<GraphDelta> spent;  // ends when the locks are given back
  const Writing writing(*this);
  spent = put_learned();
}

void GraphMirror::apply_intents(std::vector<QueueRecord>&& intents,
                                const std::vector<RowId>& given_up) {
  const Writing writing(*this);
  if (!given_up.empty()) {
    put_learned();
    put_staged();
  }
  for (const RowId row : given_up) {
    const QueueView held = copy_.index.queue(row);
    if (held && !held.is_active()) copy_.index.remove_queue(row);
  }
  for (QueueRecord& intent : intents) {
    const RowId row = intent.row;
    staged_.try_emplace(row, std::move(intent));
  }
}

std::optional<std::vector<QueueRecord>> GraphMirror::find_queues(
    std::span<const RowId> rows) const {
  const auto lock = share_without_staged();
  std::vector<QueueRecord> queues;
  queues.reserve(rows.size());
  for (const RowId row : rows) {
    const auto staged = staged_.find(row);
    if (staged != staged_.end()) {
      queues.push_back(staged->second);
    } else if (const QueueView queue = copy_.index.queue(row)) {
      queues.push_back(queue.record());
    } else {
      return std::nullopt;
    }
  }
  return queues;
}

void GraphMirror::replace(GraphCopy copy) {
  const Writing writing(*this);
  learned_.clear();  // the new copy has it, or it is no more
  staged_.clear();
  copy_ = std::move(copy);
  ++generation_;
}

Result<std::optional<GraphDelta>> fetch_delta(Connection& connection, const GraphPosition& from) {
  Pipeline pipeline(connection);
  pipeline.begin();
  pipeline.add(sql::kSnapshot);
  const std::size_t position = pipeline.add(sql::kReadPosition);
  const std::size_t stamps = pipeline.add(kReadStamps, stamps_params(from));
  const DeltaPlaces places = add_delta(pipeline, from.epoch);
  pipeline.commit();
  WEIR_TRY(const auto results, pipeline.run());
  const Rows& at = results[position];
  GraphDelta delta{from, {at.int64(0, 0), at.int64(0, 1)}, {}, {}};
  if (!goes_through(results[stamps], from, delta.to)) return std::optional<GraphDelta>();
  return read_delta(results, places, std::move(delta));
}

Result<std::optional<GraphDelta>> fetch_delta_inside(Connection& connection,
                                                     const GraphPosition& from,
                                                     const GraphPosition& to) {
  Pipeline pipeline(connection);
  const std::size_t stamps = pipeline.add(kReadStamps, stamps_params(from));
  const DeltaPlaces places = add_delta(pipeline, from.epoch);
  WEIR_TRY(const auto results, pipeline.run());
  if (!goes_through(results[stamps], from, to)) return std::optional<GraphDelta>();
  return read_delta(results, places, GraphDelta{from, to, {}, {}});
}

Result<GraphCopy> copy_graph(Connection& connection) {
  Pipeline pipeline(connection);
  pipeline.begin();
  pipeline.add(sql::kSnapshot);
  const std::size_t position = pipeline.add(sql::kReadPosition);
  const std::size_t known = pipeline.add(sql::kReadContexts);
  WEIR_TRY(const auto results, pipeline.run());
  GraphCopy copy;
  copy.position = {results[position].int64(0, 0), results[position].int64(0, 1)};
  BindingContexts contexts;
  read_contexts(results[known], contexts);
  WEIR_CHECK(copy_nodes(connection, copy.index));
  WEIR_CHECK(copy_queues(connection, contexts, copy.index));
  WEIR_CHECK(connection.rollback());
  return copy;
}

}  // namespace weir::dagmanager
