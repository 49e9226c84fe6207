// SPDX-License-Identifier: Apache-2.0
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <string_view>
#include <thread>
#include <utility>

#include "base/assert.h"
#include "base/crash_point.h"
#include "dagmanager/ports/postgres_graph_nodes.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_graph_sql.h"
#include "dagmanager/ports/postgres_graph_store.h"
#include "dagmanager/ports/postgres_limits.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/errors.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;

std::vector<std::string> topic_keys(const IntentBatch& batch) {
  std::vector<std::string> keys;
  keys.reserve(batch.intents.size());
  for (const TopicIntent& intent : batch.intents) {
    keys.push_back(graph::topic_key(intent.topic).text());
  }
  return keys;
}

/// What the intents of a batch are found by.
struct Hashes {
  std::vector<std::string> topics;
  std::vector<std::string> bindings;
};

Hashes hash_all(const IntentBatch& batch, const std::vector<std::string>& keys) {
  Hashes hashes;
  hashes.topics.reserve(keys.size());
  hashes.bindings.reserve(keys.size());
  for (const std::string& key : keys) hashes.topics.push_back(key_hash(key));
  for (const TopicIntent& intent : batch.intents) {
    hashes.bindings.push_back(key_hash(intent.binding_key.view()));
  }
  return hashes;
}

/// What a batch is to become, decided while the rows it meets are locked.
struct ReservePlan {
  std::vector<IntentOutcome> outcomes;  ///< queue 0 and joined false: free, or taken
  std::vector<std::size_t> free;        ///< intents to be inserted
  std::vector<RowId> joined;
  std::vector<RowId> given_up;  ///< intents under names that their bindings no longer want
};

/// Decides one intent after the other, as if each were alone: an earlier one may take or free a
/// name.
Result<ReservePlan> plan_reserve(const IntentBatch& batch, const std::vector<std::string>& keys,
                                 const std::vector<QueueRecord>& holders) {
  absl::flat_hash_map<std::string_view, const QueueRecord*> by_binding;
  absl::flat_hash_set<std::string> held;
  absl::flat_hash_set<std::string> leaving;
  for (const QueueRecord& holder : holders) {
    const bool leaves = holder.state == QueueState::Leaving;
    if (!leaves) by_binding.emplace(holder.binding_key.view(), &holder);
    (leaves ? leaving : held).insert(graph::topic_key(holder.topic).text());
  }
  for (const TopicIntent& intent : batch.intents) {
    const auto own = by_binding.find(intent.binding_key.view());
    if (own == by_binding.end() || own->second->topic == intent.topic) continue;
    if (own->second->state == QueueState::Intent) continue;
    return Error(Code::Aborted, "graph_moved",
                 "the node of topic " + intent.topic.text() + " was bound to topic " +
                     own->second->topic.text() + " meanwhile");
  }
  ReservePlan plan;
  plan.outcomes.resize(batch.intents.size());
  for (std::size_t i = 0; i < batch.intents.size(); ++i) {
    const TopicIntent& intent = batch.intents[i];
    const auto own = by_binding.find(intent.binding_key.view());
    if (own != by_binding.end() && own->second->topic == intent.topic) {
      plan.outcomes[i] = {.queue = own->second->row, .joined = true};
      plan.joined.push_back(own->second->row);
      continue;
    }
    plan.outcomes[i].leaving = leaving.contains(keys[i]);
    if (held.contains(keys[i]) || plan.outcomes[i].leaving) continue;
    if (own != by_binding.end()) {
      if (own->second->topic != intent.gives_up) continue;
      plan.given_up.push_back(own->second->row);
      held.erase(graph::topic_key(own->second->topic).text());
      by_binding.erase(own);
    }
    held.insert(keys[i]);
    plan.free.push_back(i);
  }
  return plan;
}

/// The parameters of kInsertIntents for those of the batch that `chosen` lists.
Params intent_params(const IntentBatch& batch, const std::vector<std::string>& keys,
                     const std::vector<std::size_t>& chosen, const std::vector<RowId>& nodes) {
  using Intent = TopicIntent;
  const auto each = [&](auto read) {
    return [&batch, read](std::size_t i) { return read(batch.intents[i]); };
  };
  const auto compute_key = [](const Intent& intent) {
    const bool same = intent.compute_key.view() == intent.binding_key.view();
    return same ? std::nullopt : std::optional(intent.compute_key.view());
  };
  const std::string context = context_key(*batch.binding);
  const auto hash_of = [](const std::vector<std::string>& hashes) {
    return [&hashes](std::size_t i) { return as_bytes(hashes[i]); };
  };
  const Hashes hashes = hash_all(batch, keys);
  Params params;
  params.bytes_array(chosen, hash_of(hashes.topics))
      .bytes_array(chosen, hash_of(hashes.bindings))
      .text_array(chosen, each([](const Intent& one) { return one.topic.view(); }))
      .text_array(chosen, each([](const Intent& one) { return graph::topic_type_name(one.type); }))
      .int32_array(chosen, each([](const Intent& one) { return one.shape.partitions; }))
      .int32_array(chosen, each([](const Intent& one) { return one.shape.replication; }))
      .int64_array(chosen, each([](const Intent& one) { return one.shape.retention_ms; }))
      .text_array(chosen, each([](const Intent& one) { return one.shape.cleanup; }))
      .int64_array(
          chosen,
          [&](std::size_t i) { return nodes[i] == 0 ? std::nullopt : std::optional(nodes[i]); })
      .text_array(chosen, each([](const Intent& one) { return one.node.view(); }))
      .text_array(chosen, each([](const Intent& one) { return one.binding_key.view(); }))
      .text_array(chosen, each(compute_key))
      .bytes(std::as_bytes(std::span(context)))
      .instant(batch.at)
      .text(batch.diff_id);
  return params;
}

QueueRecord intent_record(const IntentBatch& batch, std::size_t i, RowId row, RowId node) {
  const TopicIntent& intent = batch.intents[i];
  QueueRecord queue;
  queue.row = row;
  queue.topic = intent.topic;
  queue.type = intent.type;
  queue.shape = intent.shape;
  queue.node = node;
  queue.binding_key = intent.binding_key;
  queue.compute_key = intent.compute_key;
  queue.binding = batch.binding;
  queue.created_at = batch.at;
  return queue;
}

/// Where the results of inserting stand in an exchange.
struct InsertPlaces {
  std::size_t intents = 0;
  std::optional<std::size_t> node_rows;
};

Params count_params(std::size_t count) {
  Params params;
  params.int64(static_cast<std::int64_t>(count));
  return params;
}

InsertPlaces add_inserts(Pipeline& pipeline, Params intents, std::size_t node_rows) {
  InsertPlaces at;
  at.intents = pipeline.add(sql::kInsertIntents, std::move(intents));
  if (node_rows > 0) at.node_rows = pipeline.add(sql::kDrawNodeRows, count_params(node_rows));
  return at;
}

/// Fills in the rows that were drawn, and gives the records of the new intents.
std::vector<QueueRecord> read_inserts(const std::vector<Rows>& results, const InsertPlaces& at,
                                      const IntentBatch& batch,
                                      const std::vector<std::size_t>& chosen,
                                      const std::vector<RowId>& nodes, Reservation& reservation) {
  absl::flat_hash_map<std::string_view, std::size_t> place;
  for (const std::size_t i : chosen) place.emplace(batch.intents[i].topic.view(), i);
  const Rows& rows = results[at.intents];
  std::vector<QueueRecord> intents;
  intents.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::size_t i = place.at(rows.text(row, 0));
    reservation.outcomes[i] = {.queue = rows.int64(row, 1)};
    intents.push_back(intent_record(batch, i, rows.int64(row, 1), nodes[i]));
  }
  if (at.node_rows) reservation.node_rows = read_row_ids(results[*at.node_rows]);
  return intents;
}

bool is_contested(const Error& error) {
  return error.reason() == postgres::kUniqueViolation || error.reason() == postgres::kSerialization;
}

}  // namespace

/// What goes on while the server reserves: it takes in the new nodes on another connection, which a
/// thread of their own hands over if they are many, and the caller does its own work. Without such
/// a connection one thing follows the other, since a thread that waits for a second connection
/// while it holds one could wait for ever.
class PostgresGraphStore::Beside {
 public:
  Beside(PostgresGraphStore& store, const IntentBatch& batch,
         const std::function<void()>& meanwhile)
      : store_(store),
        batch_(batch),
        meanwhile_(meanwhile),
        due_(store.intent_sync_ == IntentSync::WithTopics && !batch.nodes.empty()) {
    WEIR_ASSERT(batch.nodes.empty() || batch.nodes.size() == batch.new_nodes);
  }

  /// Before the server is asked to reserve.
  void prepare() {
    if (!due_) return;
    ahead_ = NodesAhead::find_place(store_.pool_, store_.ahead_places_);
    if (ahead_ && batch_.nodes.size() >= kNodesOfOwnThread) {
      hands_over_ = std::jthread([this] { begun_ = ahead_->begin(batch_.nodes); });
    }
  }

  /// How many rows are still to be drawn by whoever reserves.
  std::size_t rows_to_draw() const { return ahead_ ? 0 : batch_.new_nodes; }

  /// While the server works.
  void begin() {
    if (!std::exchange(due_, false) || !ahead_) return;
    if (!hands_over_.joinable()) begun_ = ahead_->begin(batch_.nodes);
    if (meanwhile_) {
      meanwhile_();
      met_ = true;
    }
  }

  /// When it is done, and its connection given back.
  Result<Reservation> end(Reservation reservation) {
    if (hands_over_.joinable()) hands_over_.join();
    if (!begun_) ahead_.reset();
    if (ahead_) {
      reservation.node_rows = ahead_->rows();
      reservation.ahead = std::move(ahead_);
      return reservation;
    }
    if (reservation.node_rows.size() != batch_.new_nodes) {
      WEIR_TRY(const Rows drawn,
               store_.ask_for(sql::kDrawNodeRows, count_params(batch_.new_nodes)));
      reservation.node_rows = read_row_ids(drawn);
    }
    if (meanwhile_ && !met_) meanwhile_();
    return reservation;
  }

 private:
  PostgresGraphStore& store_;
  const IntentBatch& batch_;
  const std::function<void()>& meanwhile_;
  bool due_;
  bool met_ = false;
  bool begun_ = false;
  std::shared_ptr<NodesAhead> ahead_;
  std::jthread hands_over_;  // last: it uses what is above
};

Result<Reservation> PostgresGraphStore::reserve(const IntentBatch& batch,
                                                const std::function<void()>& meanwhile) {
  const std::vector<std::string> keys = topic_keys(batch);
  bool contested = false;
  std::vector<RowId> nodes(batch.intents.size());
  {
    const auto lock = mirror_.share();
    for (std::size_t i = 0; i < batch.intents.size(); ++i) {
      const TopicIntent& intent = batch.intents[i];
      contested = contested || mirror_.index().queue_by_binding(intent.binding_key) ||
                  mirror_.index().queue_by_topic(graph::TopicKey(keys[i]));
      const NodeView node = mirror_.index().node(intent.node);
      if (node) nodes[i] = node.row();
    }
  }
  Beside beside(*this, batch, meanwhile);
  beside.prepare();
  for (int attempt = 0; attempt < kStoreTriesMax; ++attempt) {
    WEIR_CRASH_POINT("store.before_reserve");
    auto reserved = contested ? reserve_contested(batch, keys, nodes, beside)
                              : reserve_free(batch, keys, nodes, beside);
    WEIR_CRASH_POINT("store.after_reserve");
    if (reserved.ok()) return beside.end(*std::move(reserved));
    if (!is_contested(reserved.error())) return graph_error(std::move(reserved).error());
    contested = true;
  }
  return Error(Code::Aborted, "graph_moved",
               "others take the same names and bindings at the same time");
}

void PostgresGraphStore::begin_reserve(Pipeline& pipeline) const {
  pipeline.begin();
  if (intent_sync_ == IntentSync::WithTopics) pipeline.add(sql::kCommitUnsynced);
}

/// Names and bindings of which none is known to be held: inserted in one exchange. Fails with
/// `unique_violation` if another instance holds one, and then nothing was written.
Result<Reservation> PostgresGraphStore::reserve_free(const IntentBatch& batch,
                                                     const std::vector<std::string>& keys,
                                                     const std::vector<RowId>& nodes,
                                                     Beside& beside) {
  std::vector<std::size_t> all(batch.intents.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  WEIR_TRY(const auto connection, pool_.acquire(kStoreConnectionWait));
  Pipeline pipeline(*connection);
  begin_reserve(pipeline);
  pipeline.add(sql::kInsertContext, context_params(*batch.binding));
  const InsertPlaces at =
      add_inserts(pipeline, intent_params(batch, keys, all, nodes), beside.rows_to_draw());
  pipeline.commit();
  WEIR_TRY(const auto results, pipeline.run([&] { beside.begin(); }));
  Reservation reservation;
  reservation.outcomes.resize(batch.intents.size());
  mirror_.apply_intents(read_inserts(results, at, batch, all, nodes, reservation), {});
  return reservation;
}

/// Names or bindings of which some are held: the holders are locked first, then it is decided who
/// joins, who takes over and who is refused.
Result<Reservation> PostgresGraphStore::reserve_contested(const IntentBatch& batch,
                                                          const std::vector<std::string>& keys,
                                                          const std::vector<RowId>& nodes,
                                                          Beside& beside) {
  WEIR_TRY(const auto connection, pool_.acquire(kStoreConnectionWait));
  Pipeline locking(*connection);
  begin_reserve(locking);
  locking.add(sql::kInsertContext, context_params(*batch.binding));
  Params wanted;
  const Hashes hashes = hash_all(batch, keys);
  wanted.bytes_array(hashes.topics, as_bytes).bytes_array(hashes.bindings, as_bytes);
  const std::size_t held = locking.add(sql::kLockHolders, wanted);
  const std::size_t known = locking.add(sql::kReadHolderContexts, wanted);
  WEIR_TRY(const auto locked, locking.run());
  BindingContexts contexts;
  read_contexts(locked[known], contexts);
  std::vector<QueueRecord> holders;
  for (std::size_t row = 0; row < locked[held].size(); ++row) {
    WEIR_TRY(QueueRecord holder, read_queue(locked[held], row, contexts));
    holders.push_back(std::move(holder));
  }
  WEIR_TRY(ReservePlan plan, plan_reserve(batch, keys, holders));

  Pipeline writing(*connection);
  if (!plan.given_up.empty()) {
    Params given_up;
    given_up.int64_array(plan.given_up);
    writing.add(sql::kGiveUpIntents, std::move(given_up));
  }
  if (!plan.joined.empty()) {
    Params joined;
    joined.int64_array(plan.joined).text(batch.diff_id).instant(batch.at);
    writing.add(sql::kJoinIntents, std::move(joined));
  }
  const InsertPlaces at =
      add_inserts(writing, intent_params(batch, keys, plan.free, nodes), beside.rows_to_draw());
  writing.commit();
  WEIR_TRY(const auto results, writing.run([&] { beside.begin(); }));
  Reservation reservation;
  reservation.outcomes = std::move(plan.outcomes);
  std::vector<QueueRecord> met = read_inserts(results, at, batch, plan.free, nodes, reservation);
  for (QueueRecord& holder : holders) {
    const bool stays = std::ranges::find(plan.given_up, holder.row) == plan.given_up.end();
    if (holder.state == QueueState::Leaving) plan.given_up.push_back(holder.row);  // to the mirror
    if (holder.state == QueueState::Intent && stays) met.push_back(std::move(holder));
  }
  mirror_.apply_intents(std::move(met), plan.given_up);
  return reservation;
}

}  // namespace weir::dagmanager
