// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/queues/postgres_queue_life.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/crash_point.h"
#include "dagmanager/ports/loops/postgres_loop_leases.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_limits.h"
#include "dagmanager/ports/queues/limits.h"
#include "dagmanager/ports/queues/postgres_deploy_rows.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Rows;
using postgres::Statement;

/// A page: the orphans after $1.
constexpr Statement kReadOrphans = {"dag_read_orphans",
                                    "SELECT queue_id, tag, since, size, grown_at"
                                    " FROM weir_dagmanager.orphan_queue WHERE queue_id > $1"
                                    " ORDER BY queue_id LIMIT $2"};

constexpr Statement kPutOrphans = {
    "dag_put_orphans",
    "INSERT INTO weir_dagmanager.orphan_queue AS o (queue_id, tag, since, size, grown_at)"
    " SELECT unnest($1::bigint[]), unnest($2::text[]), unnest($3::timestamptz[]),"
    " unnest($4::bigint[]), unnest($5::timestamptz[])"
    " ON CONFLICT (queue_id) DO UPDATE SET tag = excluded.tag, since = excluded.since,"
    " size = excluded.size, grown_at = excluded.grown_at"};

constexpr Statement kForgetOrphans = {
    "dag_forget_orphans", "DELETE FROM weir_dagmanager.orphan_queue WHERE queue_id = ANY ($1)"};

OrphanRecord read_orphan(const Rows& rows, std::size_t row) {
  return {.queue = rows.int64(row, 0),
          .tag = std::string(rows.text(row, 1)),
          .since = rows.instant(row, 2),
          .size = rows.int64_if(row, 3),
          .grown_at = rows.instant(row, 4)};
}

/// All pages of a statement, each after what `last` of its rows gives.
template <class Take, class After>
Result<void> read_pages(postgres::Pool& pool, const Statement& statement, Params after, Take take,
                        After last) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  while (true) {
    after.int64(static_cast<std::int64_t>(kLifePageRows));
    WEIR_TRY(const Rows rows, connection->execute(statement, after));
    for (std::size_t row = 0; row < rows.size(); ++row) take(rows, row);
    if (rows.size() < kLifePageRows) return {};
    after = last(rows, rows.size() - 1);
  }
}

Result<void> write_marks(postgres::Pool& pool, const LoopFence& fence, const OrphanMarks& marks) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  postgres::Pipeline pipeline(*connection);
  pipeline.begin();
  const std::size_t fence_at = add_fence(pipeline, fence);
  Params put;
  put.int64_array(marks.put, &OrphanRecord::queue)
      .text_array(marks.put, &OrphanRecord::tag)
      .instant_array(marks.put, &OrphanRecord::since)
      .int64_array(marks.put, &OrphanRecord::size)
      .instant_array(marks.put, &OrphanRecord::grown_at);
  pipeline.add(kPutOrphans, std::move(put));
  Params gone;
  gone.int64_array(marks.no_more);
  pipeline.add(kForgetOrphans, std::move(gone));
  WEIR_TRY(const auto written, pipeline.run());
  WEIR_CHECK(judge_fence(written[fence_at], fence));
  WEIR_CRASH_POINT("gc.before_mark");
  postgres::Pipeline ending(*connection);
  ending.commit();
  WEIR_CHECK(ending.run());
  WEIR_CRASH_POINT("gc.after_mark");
  return {};
}

}  // namespace

Result<std::vector<DeployStanding>> PostgresQueueLife::deploys() {
  std::vector<DeployStanding> deploys;
  Params first;
  first.text("");
  const auto read = read_pages(
      pool_, kReadStandings, std::move(first),
      [&](const Rows& rows, std::size_t row) { deploys.push_back(read_standing(rows, row)); },
      [](const Rows& rows, std::size_t row) {
        Params after;
        after.text(rows.text(row, 0));
        return after;
      });
  if (!read.ok()) return graph_error(read.error());
  return deploys;
}

Result<std::vector<DeployBindings>> PostgresQueueLife::bindings(std::span<const std::string> keys) {
  const auto connection = pool_.acquire(kStoreConnectionWait);
  if (!connection.ok()) return graph_error(connection.error());
  return with_graph_error(read_bindings(**connection, keys));
}

Result<std::vector<OrphanRecord>> PostgresQueueLife::orphans() {
  std::vector<OrphanRecord> orphans;
  Params first;
  first.int64(0);
  const auto read = read_pages(
      pool_, kReadOrphans, std::move(first),
      [&](const Rows& rows, std::size_t row) { orphans.push_back(read_orphan(rows, row)); },
      [](const Rows& rows, std::size_t row) {
        Params after;
        after.int64(rows.int64(row, 0));
        return after;
      });
  if (!read.ok()) return graph_error(read.error());
  return orphans;
}

Result<void> PostgresQueueLife::mark(const LoopFence& fence, const OrphanMarks& marks) {
  return with_loop_error(write_marks(pool_, fence, marks));
}

}  // namespace weir::dagmanager
