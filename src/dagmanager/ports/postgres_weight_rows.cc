// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/postgres_weight_rows.h"

#include <utility>

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Rows;
using postgres::Statement;

constexpr Statement kAddAudit = {
    "dag_add_audit",
    "INSERT INTO weir_dagmanager.audit (at, actor, action, world_id, sentinel_id, version,"
    " from_weight, to_weight, subject, note) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"};

constexpr Statement kReadAudit = {
    "dag_read_audit",
    "SELECT seq, at, actor, action, world_id, sentinel_id, version, from_weight, to_weight,"
    " subject, note FROM weir_dagmanager.audit WHERE seq > $1 ORDER BY seq LIMIT $2"};

constexpr Statement kReadWeight = {"dag_read_weight",
                                   "SELECT traffic_weight FROM weir_dagmanager.sentinel"
                                   " WHERE sentinel_id = $1 AND world_id = $2 AND version = $3"};

// What gets traffic again is not taken back any more: comes_back.
#define WEIR_LIFT_MARK                                                            \
  "WITH stands AS (UPDATE weir_dagmanager.deploy d SET taken_back_at = NULL"      \
  " FROM weir_dagmanager.sentinel s WHERE s.sentinel_id = $1 AND s.world_id = $2" \
  " AND s.version = $3 AND $4 > 0 AND coalesce(s.traffic_weight, 0) <= 0"         \
  " AND d.deploy_key = s.deploy_key AND d.taken_back_at IS NOT NULL) "

constexpr Statement kSetWeight = {
    "dag_set_weight", WEIR_LIFT_MARK
    "UPDATE weir_dagmanager.sentinel SET traffic_weight = $4,"
    " live_weight = CASE WHEN $4 > 0 THEN $4 WHEN traffic_weight > 0 THEN traffic_weight"
    " ELSE live_weight END, peak_weight = greatest(peak_weight, traffic_weight, $4),"
    " retired_at = CASE WHEN $4 > 0 THEN NULL ELSE retired_at END"
    " WHERE sentinel_id = $1 AND world_id = $2 AND version = $3"};

constexpr Statement kSetWeights = {
    "dag_set_weights", WEIR_LIFT_MARK
    "UPDATE weir_dagmanager.sentinel SET traffic_weight = $4, live_weight = $5, peak_weight = $6,"
    " retired_at = CASE WHEN $4 > 0 THEN NULL ELSE retired_at END"
    " WHERE sentinel_id = $1 AND world_id = $2 AND version = $3"};

constexpr Statement kReadWeightFence = {
    "dag_read_weight_fence",
    "SELECT EXISTS (SELECT 1 FROM weir_dagmanager.cross_context_hit WHERE state = 'open'),"
    " ARRAY(SELECT world_id FROM weir_dagmanager.rollout WHERE ended_at IS NULL"
    " AND sentinel_id = $1 UNION SELECT world_id FROM weir_dagmanager.rollout"
    " WHERE ended_at IS NULL AND baseline_id <> '' AND baseline_id = $1)"};

constexpr Statement kInsertWeightEvent = {
    "dag_insert_weight_event",
    "INSERT INTO weir_dagmanager.outbox (key_seq, id, kind, revision, world_id, sentinel_id,"
    " version, weight, created_at)"
    " VALUES ($1, $2::text::uuid, 'sentinel_weight_updated', 1, $3, $4, $5, $6, $7)"};

Params key_of(const SentinelRecord& sentinel) {
  Params params;
  params.text(sentinel.id.view()).text(sentinel.world.view()).text(sentinel.version.view());
  return params;
}

}  // namespace

WeightFence read_weight_fence(const Rows& rows) {
  WeightFence fence{.hit_open = rows.boolean(0, 0)};
  for (const std::string_view world : rows.text_array(0, 1)) fence.rollouts.emplace_back(world);
  return fence;
}

std::size_t add_weight_fence(postgres::Pipeline& pipeline, const graph::SentinelId& sentinel) {
  Params params;
  params.text(sentinel.view());
  return pipeline.add(kReadWeightFence, std::move(params));
}

std::size_t add_weight(postgres::Pipeline& pipeline, const SentinelRecord& sentinel) {
  return pipeline.add(kReadWeight, key_of(sentinel));
}

std::optional<double> read_weight(const Rows& rows) {
  if (rows.empty() || rows.is_null(0, 0)) return std::nullopt;
  return rows.number(0, 0);
}

void set_weight(postgres::Pipeline& pipeline, const SentinelRecord& sentinel) {
  Params params = key_of(sentinel);
  params.number(*sentinel.traffic_weight);
  pipeline.add(kSetWeight, std::move(params));
}

void set_weights(postgres::Pipeline& pipeline, const SentinelRecord& sentinel) {
  Params params = key_of(sentinel);
  params.number(*sentinel.traffic_weight);
  if (sentinel.live_weight) {
    params.number(*sentinel.live_weight);
  } else {
    params.null(postgres::Type::Float8);
  }
  params.number(sentinel.peak_weight);
  pipeline.add(kSetWeights, std::move(params));
}

void tell_weight(postgres::Pipeline& pipeline, const WeightEvent& event) {
  const SentinelRecord& sentinel = *event.sentinel;
  Params params;
  params.int64(event.event_seq)
      .text(event.id)
      .text(sentinel.world.view())
      .text(sentinel.id.view())
      .text(sentinel.version.view())
      .number(*sentinel.traffic_weight)
      .instant(event.at);
  pipeline.add(kInsertWeightEvent, std::move(params));
}

void add_audit(postgres::Pipeline& pipeline, const AuditRow& row) {
  Params params;
  params.instant(row.at)
      .text(row.actor)
      .text(row.action)
      .text(row.world.view())
      .text(row.sentinel.view())
      .text(row.version.view());
  if (row.from) {
    params.number(*row.from);
  } else {
    params.null(postgres::Type::Float8);
  }
  params.number(row.to).text(row.subject).text(row.note);
  pipeline.add(kAddAudit, std::move(params));
}

Result<std::vector<std::pair<RowId, AuditRow>>> read_audit(postgres::Connection& connection,
                                                           RowId after, std::size_t limit) {
  Params params;
  params.int64(after).int64(static_cast<std::int64_t>(limit));
  WEIR_TRY(const Rows rows, connection.execute(kReadAudit, params));
  std::vector<std::pair<RowId, AuditRow>> audit;
  audit.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    AuditRow entry{.at = rows.instant(row, 1),
                   .actor = std::string(rows.text(row, 2)),
                   .action = std::string(rows.text(row, 3)),
                   .world = graph::WorldId(rows.text(row, 4)),
                   .sentinel = graph::SentinelId(rows.text(row, 5)),
                   .version = graph::VersionLabel(rows.text(row, 6)),
                   .from = std::nullopt,
                   .to = rows.number(row, 8),
                   .subject = std::string(rows.text(row, 9)),
                   .note = std::string(rows.text(row, 10))};
    if (!rows.is_null(row, 7)) entry.from = rows.number(row, 7);
    audit.emplace_back(rows.int64(row, 0), std::move(entry));
  }
  return audit;
}

}  // namespace weir::dagmanager
