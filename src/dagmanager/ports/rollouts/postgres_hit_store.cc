// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/rollouts/postgres_hit_store.h"

#include <string>
#include <utility>

#include "base/crash_point.h"
#include "base/uuid.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_graph_sql.h"
#include "dagmanager/ports/postgres_limits.h"
#include "dagmanager/ports/postgres_weight_rows.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Rows;
using postgres::Statement;

constexpr Statement kCountHitsUp = {
    "dag_count_hits_up",
    "UPDATE weir_dagmanager.cross_context_hit SET seen = seen + 1, last_seen = $2"
    " WHERE hit_key = ANY ($1) AND state = 'open'"};

/// As many of the hits that are not open as there is room for; $7: how many may be open.
constexpr Statement kAddHits = {
    "dag_add_hits",
    "INSERT INTO weir_dagmanager.cross_context_hit (hit_id, hit_key, state, node_id,"
    " wanted_context, existing_context, seen, first_seen, last_seen)"
    " SELECT u.hit_id::uuid, u.hit_key, 'open', u.node_id, u.wanted, u.existing, 1, $6, $6 FROM"
    " (SELECT unnest($1::text[]) AS hit_id, unnest($2::bytea[]) AS hit_key,"
    " unnest($3::text[]) AS node_id, unnest($4::text[]) AS wanted, unnest($5::text[]) AS existing)"
    " u WHERE NOT EXISTS (SELECT 1 FROM weir_dagmanager.cross_context_hit h"
    " WHERE h.hit_key = u.hit_key AND h.state = 'open')"
    " LIMIT greatest(0, $7 - (SELECT count(*) FROM weir_dagmanager.cross_context_hit"
    " WHERE state = 'open'))"};

#define WEIR_DAG_HIT_COLUMNS                                                                 \
  "SELECT hit_id::text, state, node_id, wanted_context, existing_context, seen, first_seen," \
  " last_seen, acked_by, note FROM weir_dagmanager.cross_context_hit"

constexpr Statement kListHits = {"dag_list_hits",
                                 WEIR_DAG_HIT_COLUMNS " ORDER BY seq DESC LIMIT $1"};
constexpr Statement kListHitsOfState = {
    "dag_list_hits_of_state", WEIR_DAG_HIT_COLUMNS " WHERE state = $2 ORDER BY seq DESC LIMIT $1"};
constexpr Statement kReadHit = {"dag_read_hit", WEIR_DAG_HIT_COLUMNS " WHERE hit_id = $1"};

constexpr Statement kClearHit = {
    "dag_clear_hit",
    "UPDATE weir_dagmanager.cross_context_hit SET state = 'acked', acked_by = $2, note = $3"
    " WHERE hit_id = $1 AND state = 'open'"};

constexpr Statement kCountOpenHits = {
    "dag_count_open_hits",
    "SELECT count(*) FROM weir_dagmanager.cross_context_hit WHERE state = 'open'"};

#undef WEIR_DAG_HIT_COLUMNS

CrossContextHit read_hit(const Rows& rows, std::size_t row) {
  return {.id = std::string(rows.text(row, 0)),
          .state = hit_state_of(rows.text(row, 1)).value_or(HitState::Open),
          .what = {graph::NodeId(rows.text(row, 2)), std::string(rows.text(row, 3)),
                   std::string(rows.text(row, 4))},
          .seen = rows.int64(row, 5),
          .first_seen = rows.instant(row, 6),
          .last_seen = rows.instant(row, 7),
          .acked_by = std::string(rows.text(row, 8)),
          .note = std::string(rows.text(row, 9))};
}

}  // namespace

Result<void> PostgresHitStore::write(std::span<const HitSighting> seen, Instant at) {
  std::vector<std::string> ids;
  std::vector<std::string> keys;
  for (const HitSighting& what : seen) {
    ids.push_back(base::uuid_v4(random_));
    keys.push_back(key_hash(hit_key(what)));
  }
  WEIR_TRY(const auto connection, pool_.acquire(kStoreConnectionWait));
  postgres::Pipeline pipeline(*connection);
  pipeline.begin();
  pipeline.add(sql::kLockEpoch);
  Params fresh;
  fresh.text_array(ids)
      .bytes_array(keys, as_bytes)
      .text_array(seen, [](const HitSighting& what) { return what.node.view(); })
      .text_array(seen, &HitSighting::wanted)
      .text_array(seen, &HitSighting::existing)
      .instant(at)
      .int64(static_cast<std::int64_t>(kOpenHitsMax));
  Params known;
  known.bytes_array(keys, as_bytes).instant(at);
  pipeline.add(kCountHitsUp, std::move(known));
  pipeline.add(kAddHits, std::move(fresh));
  WEIR_CRASH_POINT("hit.before_commit");
  pipeline.commit();
  WEIR_CHECK(pipeline.run());
  WEIR_CRASH_POINT("hit.after_commit");
  return {};
}

Result<void> PostgresHitStore::record(std::span<const HitSighting> seen, Instant at) {
  if (seen.empty()) return {};
  return with_graph_error(write(seen, at));
}

Result<std::vector<CrossContextHit>> PostgresHitStore::list(std::optional<HitState> state) {
  const auto connection = pool_.acquire(kStoreConnectionWait);
  if (!connection.ok()) return graph_error(connection.error());
  Params params;
  params.int64(static_cast<std::int64_t>(kHitsListedMax));
  if (state) params.text(hit_state_text(*state));
  const auto rows = (*connection)->execute(state ? kListHitsOfState : kListHits, params);
  if (!rows.ok()) return graph_error(rows.error());
  std::vector<CrossContextHit> hits;
  hits.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) hits.push_back(read_hit(*rows, row));
  return hits;
}

/// Two exchanges in one transaction; one that is left open is rolled back with its lease.
Result<CrossContextHit> PostgresHitStore::clear(const HitAck& ack) {
  const auto id = base::Uuid::parse(ack.id);
  if (!id) return unknown_hit(ack.id);
  WEIR_TRY(const auto connection, pool_.acquire(kStoreConnectionWait));
  postgres::Pipeline reading(*connection);
  reading.begin();
  reading.add(sql::kLockEpoch);
  const std::size_t hit_at = reading.add(kReadHit, std::move(Params().uuid(*id)));
  WEIR_TRY(const auto read, reading.run());
  if (read[hit_at].empty()) return unknown_hit(ack.id);
  CrossContextHit hit = read_hit(read[hit_at], 0);
  if (hit.state == HitState::Acked) return hit;
  hit.state = HitState::Acked;
  hit.acked_by = ack.actor;
  hit.note = ack.note;
  postgres::Pipeline writing(*connection);
  writing.add(kClearHit, std::move(Params().uuid(*id).text(ack.actor).text(ack.note)));
  add_audit(writing, audit_of(ack));
  WEIR_CRASH_POINT("hit_ack.before_commit");
  writing.commit();
  WEIR_CHECK(writing.run());
  WEIR_CRASH_POINT("hit_ack.after_commit");
  return hit;
}

Result<CrossContextHit> PostgresHitStore::acknowledge(const HitAck& ack) {
  WEIR_CHECK(check_ack(ack));
  return with_graph_error(clear(ack));
}

Result<std::size_t> PostgresHitStore::open_count() {
  const auto connection = pool_.acquire(kStoreConnectionWait);
  if (!connection.ok()) return graph_error(connection.error());
  const auto rows = (*connection)->execute(kCountOpenHits);
  if (!rows.ok()) return graph_error(rows.error());
  return static_cast<std::size_t>(rows->int64(0, 0));
}

}  // namespace weir::dagmanager
