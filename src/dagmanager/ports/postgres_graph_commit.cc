// SPDX-License-Identifier: Apache-2.0
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "base/crash_point.h"
#include "dagmanager/core/control_events.h"
#include "dagmanager/core/redo.h"
#include "dagmanager/ports/limits.h"
#include "dagmanager/ports/postgres_change_rows.h"
#include "dagmanager/ports/postgres_graph_nodes.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_graph_sql.h"
#include "dagmanager/ports/postgres_graph_store.h"
#include "dagmanager/ports/postgres_limits.h"
#include "dagmanager/ports/postgres_weight_rows.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/errors.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

namespace weir::dagmanager {
namespace {

using postgres::Connection;
using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;

Error graph_moved(const std::string& what) { return {Code::Aborted, "graph_moved", what}; }

/// The fence of a change that needs no lock of the epoch: nobody removes a binding before it has
/// committed. Refused with kBindingsRemoved where somebody did so after epoch $1.
constexpr postgres::Statement kShareRemoval = {"dag_share_removal",
                                               "SELECT weir_dagmanager.share_removal($1)"};
constexpr const char* kBindingsRemoved = "WR010";

void add_removal_fence(Pipeline& pipeline, const GraphChange& change) {
  Params base;
  base.int64(change.base);
  pipeline.add(kShareRemoval, std::move(base));
}

/// The fault of the exchange that has the fence.
Error judge_removal(Error error) {
  if (error.reason() != kBindingsRemoved) return error;
  return graph_moved("bindings were removed since the graph was read");
}

/// Whether a change needs the epoch row: it raises the epoch, tells events, or adds to the log.
bool needs_epoch(const GraphChange& change) {
  return change.touches_graph() || !change.log.empty() ||
         (change.sentinel && (change.sentinel->traffic_weight || change.handover));
}

}  // namespace

/// One change on its way into the database: the two exchanges, and what the first one told.
class PostgresGraphStore::Commit {
 public:
  /// `ahead`: the nodes, or all rows before the epoch, are in already, by the transaction that is
  /// open on this connection.
  Commit(const GraphChange& change, Connection& connection, GraphMirror& mirror, Random& random,
         NodesAhead::Written* ahead)
      : change_(change), connection_(connection), mirror_(mirror), random_(random), ahead_(ahead) {
    if (rows_are_ahead()) rows_ = std::move(ahead_->rows);
  }

  Result<Committed> run() {
    WEIR_CRASH_POINT("store.before_commit");
    if (!needs_epoch(change_)) return write_beside_the_graph();
    WEIR_CHECK(write_rows());
    WEIR_CRASH_POINT("store.in_commit");
    if (change_.touches_graph()) {
      WEIR_CHECK(judge_rows(rows_, change_));
      WEIR_CHECK(judge_foreign_changes());
    }
    WEIR_TRY(Committed committed, finish());
    WEIR_CRASH_POINT("store.after_commit");
    if (delta_) mirror_.apply(*std::move(delta_));
    return committed;
  }

 private:
  /// Places of the results that are looked at.
  struct Places {
    std::optional<std::size_t> newest_sentinel;
    std::optional<std::size_t> weight;  // of the sentinel's version
    std::optional<std::size_t> former;  // weight of the version that hands over
    std::optional<std::size_t> fence;   // of weights
    std::size_t epoch = 0;
    std::size_t changes = 0;
  };

  bool rows_are_ahead() const { return ahead_ != nullptr && ahead_->whole; }
  Result<Committed> write_beside_the_graph();
  Result<void> write_rows();
  void add_sentinel(Pipeline& pipeline);
  ChangePlaces add_rows(Pipeline& pipeline) const;
  Result<void> judge_foreign_changes();
  bool touches_own(const Rows& changes, const GraphDelta* delta) const;
  Result<Committed> finish();
  void decide_events();
  SentinelRecord former_sentinel() const;
  Result<std::vector<WeightStep>> handover_steps() const;
  void judge_weight();
  bool weight_is_told() const;
  void add_epoch(Pipeline& pipeline, std::int64_t event_seq);
  void prepare_mirror();

  const GraphChange& change_;
  Connection& connection_;
  GraphMirror& mirror_;
  Random& random_;
  NodesAhead::Written* ahead_;
  ChangeRows rows_;  // that were written before the epoch was locked
  Places places_;
  std::vector<Rows> results_;  // of the first exchange
  GraphPosition locked_;       // of the graph, as long as the transaction lives
  GraphPosition raised_;
  std::vector<QueueUpdate> updates_;
  GraphPosition updates_at_;               // of the graph that they were decided on
  std::optional<GraphDelta> delta_;        // what the mirror is to learn
  std::optional<SentinelRecord> weighed_;  // the sentinel, if its weight is stored
  std::optional<Error> weight_refused_;    // why it is not
};

void PostgresGraphStore::write_ahead(const GraphChange& change) {
  if (change.ahead) static_cast<NodesAhead&>(*change.ahead).extend(change);
}

Result<Committed> PostgresGraphStore::commit(const GraphChange& change) {
  if (change.touches_graph() && mirror_.standing().position.epoch < change.base) {
    const auto refreshed = refresh({change.base, 0});
    if (!refreshed.ok()) return graph_error(refreshed.error());
  }
  std::optional<NodesAhead::Written> ahead;
  if (change.ahead) ahead = static_cast<NodesAhead&>(*change.ahead).finish(change);
  Result<Committed> committed = graph_moved("others change the same rows at the same time");
  for (int attempt = 0; attempt < kStoreTriesMax; ++attempt) {
    if (ahead) {
      committed = Commit(change, *ahead->connection, mirror_, random_, &*ahead).run();
      ahead.reset();
      // Its session may have ended since; then nothing was written.
      if (!committed.ok() && committed.error().reason() == postgres::kPostgresUnavailable) continue;
    } else {
      const auto connection = pool_.acquire(kStoreConnectionWait);
      if (!connection.ok()) return graph_error(connection.error());
      committed = Commit(change, **connection, mirror_, random_, nullptr).run();
    }
    if (committed.ok()) return committed;
    if (committed.error().reason() != postgres::kSerialization) break;
  }
  return graph_error(std::move(committed).error());
}

/// A deploy seen again, a sentinel without a weight: no mirror and no event depends on it, and
/// doing it twice changes nothing. It holds queues from then on: none of them may be gone by now.
Result<Committed> PostgresGraphStore::Commit::write_beside_the_graph() {
  Pipeline pipeline(connection_);
  pipeline.begin();
  ChangePlaces places;
  add_deploy(pipeline, change_, places);
  add_sentinel(pipeline);
  const std::size_t position = pipeline.add(sql::kReadPosition);
  add_removal_fence(pipeline, change_);
  pipeline.commit();
  auto ran = pipeline.run();
  if (!ran.ok()) return judge_removal(std::move(ran).error());
  std::vector<Rows>& results = *ran;
  WEIR_CRASH_POINT("store.after_commit");
  WEIR_CHECK(judge_deploy(take_rows(results, places)));
  return Committed{results[position].int64(0, 0), 0};
}

/// The first exchange: all rows of the change, then the epoch is locked, then what only its holder
/// writes and reads. While the server writes, the events are decided on the graph as it is known.
Result<void> PostgresGraphStore::Commit::write_rows() {
  Pipeline pipeline(connection_);
  if (ahead_ == nullptr) pipeline.begin();
  const ChangePlaces places = add_rows(pipeline);
  places_.epoch = pipeline.add(sql::kLockEpoch);
  for (const auto batch : log_batches(change_.log)) {
    pipeline.add(sql::kInsertLog, log_params(batch));
  }
  add_sentinel(pipeline);
  if (!change_.touches_graph()) add_removal_fence(pipeline, change_);
  Params above;
  above.int64(change_.base).int64(static_cast<std::int64_t>(kDeltaRowsMax));
  places_.changes = pipeline.add(sql::kReadChanges, std::move(above));
  auto ran = pipeline.run([this] { decide_events(); });
  if (!ran.ok()) return judge_removal(std::move(ran).error());
  results_ = *std::move(ran);
  const Rows& epoch = results_[places_.epoch];
  locked_ = {epoch.int64(0, 0), epoch.int64(0, 1)};
  if (!rows_are_ahead()) {
    rows_ = take_rows(results_, places);
    if (ahead_ != nullptr) rows_.artifacts = std::move(ahead_->rows.artifacts);
  }
  return judge_deploy(rows_);
}

/// Those of the rows before the epoch that were not written ahead.
ChangePlaces PostgresGraphStore::Commit::add_rows(Pipeline& pipeline) const {
  ChangePlaces places;
  if (rows_are_ahead()) return places;
  if (!change_.nodes.empty() && ahead_ == nullptr) {
    std::vector<NodeOfRow> nodes;
    nodes.reserve(change_.nodes.size());
    for (const NodeRecord& node : change_.nodes) nodes.push_back({node.row, &node});
    places.artifacts = add_nodes(pipeline, std::move(nodes));
  }
  add_queues(pipeline, change_, places);
  add_deploy(pipeline, change_, places);
  return places;
}

/// Which sentinel was the last is asked before this one is stored; its weight is stored once it is
/// known whether it may be.
void PostgresGraphStore::Commit::add_sentinel(Pipeline& pipeline) {
  if (!change_.sentinel) return;
  const SentinelRecord& sentinel = *change_.sentinel;
  Params newest;
  newest.text(sentinel.id.view()).text(sentinel.world.view());
  places_.newest_sentinel = pipeline.add(sql::kNewestSentinel, std::move(newest));
  SentinelRecord without_weight = sentinel;
  if (sentinel.traffic_weight || change_.handover) {
    places_.weight = add_weight(pipeline, sentinel);
    places_.fence = add_weight_fence(pipeline, sentinel.id);
    without_weight.traffic_weight.reset();
  }
  if (change_.handover) places_.former = add_weight(pipeline, former_sentinel());
  pipeline.add(sql::kStoreSentinel, sentinel_params(without_weight));
  Params has;
  has.text(sentinel.world.view())
      .text(sentinel.id.view())
      .text(sentinel.version.view())
      .text(sentinel.deploy_key);
  pipeline.add(sql::kAddSentinelDeploy, std::move(has));
}

/// The fence: what others changed between the view this change was decided on and the lock. If none
/// of it is ours it is put into the mirror, which the events are decided on.
Result<void> PostgresGraphStore::Commit::judge_foreign_changes() {
  const Rows& changes = results_[places_.changes];
  const GraphPosition at = mirror_.standing().position;
  if (static_cast<std::size_t>(locked_.epoch - change_.base) != changes.size()) {
    return graph_moved("the graph's history is not the one this was decided on");
  }
  if (at == locked_) {
    if (changes.empty()) return {};  // and what is staged need not be looked through
    const auto lock = mirror_.share();
    if (touches_own(changes, nullptr)) return graph_moved("a node of the graph was changed");
    return {};
  }
  WEIR_TRY(auto delta, fetch_delta_inside(connection_, at, locked_));
  if (!delta) return graph_moved("too much changed since the graph was read");
  {
    const auto lock = mirror_.share();
    if (touches_own(changes, &*delta)) return graph_moved("a node of the graph was changed");
  }
  mirror_.apply(*std::move(delta));
  if (mirror_.standing().position != locked_) {
    return graph_moved("the graph was read anew meanwhile");
  }
  return {};
}

/// Whether a foreign change is of a node of this graph. The mirror is shared, or still before
/// `delta`.
bool PostgresGraphStore::Commit::touches_own(const Rows& changes, const GraphDelta* delta) const {
  if (changes.empty()) return false;
  const absl::flat_hash_set<std::string_view> own(change_.dag_nodes.begin(),
                                                  change_.dag_nodes.end());
  absl::flat_hash_map<RowId, std::string_view> fresh_nodes;
  absl::flat_hash_map<RowId, RowId> fresh_queues;
  if (delta != nullptr) {
    for (const NodeRecord& node : delta->nodes) fresh_nodes.emplace(node.row, node.id.view());
    for (const QueueRecord& queue : delta->queues) fresh_queues.emplace(queue.row, queue.node);
  }
  const GraphIndex& index = mirror_.index();
  const auto is_own = [&](RowId row) {
    const auto fresh = fresh_nodes.find(row);
    if (fresh != fresh_nodes.end()) return own.contains(fresh->second);
    const NodeView node = index.node(row);
    return !node || own.contains(node.id().view());
  };
  const auto node_of = [&](RowId row) {
    const auto fresh = fresh_queues.find(row);
    if (fresh != fresh_queues.end()) return fresh->second;
    const QueueView queue = index.queue(row);
    return queue ? queue.node() : 0;
  };
  for (std::size_t row = 0; row < changes.size(); ++row) {
    if (std::ranges::any_of(changes.int64_array(row, 2), is_own)) return true;
    const std::vector<RowId> queues = changes.int64_array(row, 3);
    if (std::ranges::any_of(queues, [&](RowId queue) { return is_own(node_of(queue)); }))
      return true;
  }
  return false;
}

/// The second exchange: events, epoch, COMMIT.
Result<Committed> PostgresGraphStore::Commit::finish() {
  std::int64_t event_seq = results_[places_.epoch].int64(0, 2);
  if (updates_at_ != locked_) decide_events();
  Pipeline pipeline(connection_);
  tell_queue_updates(pipeline, updates_,
                     {.random = &random_, .event_seq = event_seq, .at = change_.at});
  event_seq += static_cast<std::int64_t>(updates_.size());
  WEIR_TRY(const std::vector<WeightStep> steps, handover_steps());
  Committed committed;
  for (const WeightStep& step : steps) {
    set_weight(pipeline, step.sentinel);
    add_audit(pipeline, audit_of(step, cause_of(change_)));
    if (!step.told) continue;
    tell_weight(pipeline, {.sentinel = &step.sentinel,
                           .event_seq = ++event_seq,
                           .id = base::uuid_v4(random_),
                           .at = change_.at});
    committed.handed_over = step.sentinel.traffic_weight;
  }
  if (!change_.handover) judge_weight();
  if (weighed_) {
    set_weight(pipeline, *weighed_);
    const auto row = audit_of_weight(change_, read_weight(results_[*places_.weight]));
    if (row) add_audit(pipeline, *row);
  }
  const bool told = weight_is_told();
  if (told) {
    tell_weight(pipeline, {.sentinel = &*weighed_,
                           .event_seq = ++event_seq,
                           .id = base::uuid_v4(random_),
                           .at = change_.at});
  }
  raised_ = locked_;
  if (change_.touches_graph()) {
    raised_ = {locked_.epoch + 1, static_cast<std::int64_t>(random_.next())};
  }
  const bool any_told = told || committed.handed_over;
  if (change_.touches_graph() || any_told) add_epoch(pipeline, event_seq);
  pipeline.commit();
  WEIR_CHECK(pipeline.run([this] { prepare_mirror(); }));
  committed.epoch = raised_.epoch;
  committed.events = updates_.size() + (any_told ? 1 : 0);
  committed.weight_refused = std::move(weight_refused_);
  return committed;
}

void PostgresGraphStore::Commit::decide_events() {
  if (change_.queues.empty()) return;
  const auto lock = mirror_.share_without_staged();  // events are of queues
  updates_ = changed_queries(mirror_.index(), change_);
  updates_at_ = mirror_.position();
}

SentinelRecord PostgresGraphStore::Commit::former_sentinel() const {
  SentinelRecord former = *change_.sentinel;
  former.version = change_.handover->former;
  return former;
}

/// What the sentinel takes over; the whole change is refused where it may not.
Result<std::vector<WeightStep>> PostgresGraphStore::Commit::handover_steps() const {
  if (!places_.former) return std::vector<WeightStep>();
  SentinelRecord former = former_sentinel();
  former.traffic_weight = read_weight(results_[*places_.former]);
  SentinelRecord gains = *change_.sentinel;
  gains.traffic_weight = read_weight(results_[*places_.weight]);
  return handover_weights(former, gains, read_weight_fence(results_[*places_.fence]));
}

/// A weight that is refused is left out: the one that is stored stays.
void PostgresGraphStore::Commit::judge_weight() {
  if (!places_.weight) return;
  const double from = read_weight(results_[*places_.weight]).value_or(0);
  const WeightFence fence = read_weight_fence(results_[*places_.fence]);
  const auto allowed =
      check_fence(fence, change_.sentinel->world, {from, *change_.sentinel->traffic_weight});
  if (allowed.ok()) {
    weighed_ = change_.sentinel;
  } else {
    weight_refused_ = allowed.error();
  }
}

bool PostgresGraphStore::Commit::weight_is_told() const {
  if (!weighed_) return false;
  const Rows& newest = results_[*places_.newest_sentinel];
  std::optional<SentinelRecord> last;
  if (!newest.empty()) last = read_sentinel(newest, 0);
  return weight_changed(last, *weighed_);
}

void PostgresGraphStore::Commit::add_epoch(Pipeline& pipeline, std::int64_t event_seq) {
  if (change_.touches_graph()) {
    std::vector<RowId> nodes;
    nodes.reserve(change_.nodes.size());
    for (const NodeRecord& node : change_.nodes) nodes.push_back(node.row);
    std::vector<RowId> queues;
    queues.reserve(change_.queues.size() + change_.marks.size());
    for (const QueuePromotion& queue : change_.queues) queues.push_back(queue.queue);
    for (const BufferMark& mark : change_.marks) queues.push_back(mark.queue);
    Params row;
    row.int64(raised_.epoch)
        .int64(raised_.stamp)
        .text(change_.diff_id)
        .text(ranges_text(std::move(nodes)))
        .text(ranges_text(std::move(queues)))
        .instant(change_.at);
    pipeline.add(sql::kInsertChange, std::move(row));
  }
  Params epoch;
  epoch.int64(raised_.epoch).int64(raised_.stamp).int64(event_seq);
  pipeline.add(sql::kRaiseEpoch, std::move(epoch));
}

/// The change as the mirror is to learn it once it is committed, if the mirror knows every row that
/// it changes; else the next read fetches it.
void PostgresGraphStore::Commit::prepare_mirror() {
  if (!change_.touches_graph()) return;
  GraphDelta delta{locked_, raised_, change_.nodes, {}};
  std::vector<RowId> rows;
  rows.reserve(change_.queues.size() + change_.marks.size());
  for (const QueuePromotion& promotion : change_.queues) rows.push_back(promotion.queue);
  for (const BufferMark& mark : change_.marks) rows.push_back(mark.queue);
  auto queues = mirror_.find_queues(rows);
  if (!queues) return;
  auto queue = queues->begin();
  for (const QueuePromotion& promotion : change_.queues) {
    *queue = promoted(std::move(*queue), promotion, change_);
    ++queue;
  }
  for (const BufferMark& mark : change_.marks) {
    *queue = marked(std::move(*queue), mark);
    ++queue;
  }
  delta.queues = *std::move(queues);
  delta_ = std::move(delta);
}

}  // namespace weir::dagmanager
