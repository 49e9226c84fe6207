// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/compaction/postgres_compaction_store.h"

#include <string_view>
#include <utility>

#include "dagmanager/ports/compaction/postgres_compaction_rows.h"
#include "dagmanager/ports/loops/postgres_loop_leases.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_graph_sql.h"
#include "dagmanager/ports/postgres_limits.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

constexpr Statement kReadLives = {
    "dag_read_sentinel_lives",
    "SELECT world_id, sentinel_id, version, retired_at FROM weir_dagmanager.sentinel"
    " ORDER BY world_id, sentinel_id, version"};

/// $4: NULL where they wait again. One that retired already stays as it is.
constexpr Statement kMarkRetired = {
    "dag_mark_retired",
    "UPDATE weir_dagmanager.sentinel s SET retired_at = $4 FROM (SELECT unnest($1::text[]) AS"
    " world_id, unnest($2::text[]) AS sentinel_id, unnest($3::text[]) AS version) u"
    " WHERE s.sentinel_id = u.sentinel_id AND s.world_id = u.world_id AND s.version = u.version"
    " AND (s.retired_at IS NULL) <> ($4 IS NULL)"};

void add_mark(Pipeline& pipeline, const std::vector<SentinelKey>& keys,
              const std::optional<Instant>& at) {
  if (keys.empty()) return;
  Params params;
  params.text_array(keys, [](const SentinelKey& key) { return key.world.view(); })
      .text_array(keys, [](const SentinelKey& key) { return key.id.view(); })
      .text_array(keys, [](const SentinelKey& key) { return key.version.view(); });
  if (at) {
    params.instant(*at);
  } else {
    params.null(postgres::Type::Timestamptz);
  }
  pipeline.add(kMarkRetired, std::move(params));
}

Result<void> write_marks(postgres::Pool& pool, const LoopFence& gc, const RetirementMarks& marks) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  Pipeline reading(*connection);
  reading.begin();
  const std::size_t fence_at = add_fence(reading, gc);
  reading.add(sql::kLockEpoch);  // who writes sentinels holds it
  WEIR_TRY(const auto read, reading.run());
  WEIR_CHECK(judge_fence(read[fence_at], gc));
  Pipeline writing(*connection);
  add_mark(writing, marks.retired, marks.at);
  add_mark(writing, marks.waiting, std::nullopt);
  writing.commit();
  WEIR_CHECK(writing.run());
  return {};
}

Result<std::vector<SentinelLife>> read_lives(postgres::Pool& pool) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  WEIR_TRY(const Rows rows, connection->execute(kReadLives));
  std::vector<SentinelLife> lives;
  lives.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    lives.push_back({{graph::WorldId(rows.text(row, 0)), graph::SentinelId(rows.text(row, 1)),
                      graph::VersionLabel(rows.text(row, 2))},
                     rows.instant_if(row, 3)});
  }
  return lives;
}

Result<std::optional<SentinelExport>> read_export(postgres::Pool& pool, const SentinelKey& sentinel,
                                                  const std::vector<std::string>& deploys) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  Pipeline pipeline(*connection);
  pipeline.begin();
  pipeline.add(sql::kSnapshot);
  const ExportPlaces places = add_export(pipeline, sentinel, deploys);
  pipeline.commit();
  WEIR_TRY(const auto read, pipeline.run());
  return read_export(read, places);
}

}  // namespace

Result<std::vector<SentinelLife>> PostgresCompactionStore::sentinels() {
  return with_graph_error(read_lives(pool_));
}

Result<void> PostgresCompactionStore::mark(const LoopFence& gc, const RetirementMarks& marks) {
  auto marked = write_marks(pool_, gc, marks);
  if (!marked.ok()) return loop_error(std::move(marked).error());
  return marked;
}

Result<std::optional<SentinelExport>> PostgresCompactionStore::read_sentinel(
    const SentinelKey& sentinel, const std::vector<std::string>& deploys) {
  return with_graph_error(read_export(pool_, sentinel, deploys));
}

}  // namespace weir::dagmanager
