// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/loops/postgres_loop_leases.h"

#include "dagmanager/ports/loops/limits.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_limits.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Rows;
using postgres::Statement;

/// In the order of the loops, so that two instances never wait for each other. The rows of others
/// are as they were at the beginning: one that was `holder`'s then, and is not renewed, was lost to
/// whoever this waited for. What other instances see is made alerts of by the holder of `health`,
/// which hears of it with this, rather than by a statement of its own every few seconds.
constexpr Statement kRenewLoops = {
    "dag_renew_loops",
    "WITH mine AS (INSERT INTO weir_dagmanager.loop_lease AS l (loop, holder, fence, until,"
    " last_run) SELECT c.loop, $1, 1, now() + $4::bigint * interval '1 microsecond', c.last_run"
    " FROM (SELECT unnest($2::text[]) AS loop, unnest($3::timestamptz[]) AS last_run) c"
    " ORDER BY c.loop COLLATE \"C\" ON CONFLICT (loop) DO UPDATE SET holder = excluded.holder,"
    " fence = l.fence + CASE WHEN l.holder = excluded.holder AND l.until > now() THEN 0 ELSE 1 END,"
    " until = excluded.until, last_run = coalesce(excluded.last_run, l.last_run)"
    " WHERE l.holder = excluded.holder OR l.until <= now()"
    " RETURNING loop, holder, fence, until, last_run)"
    " SELECT a.loop, a.holder, a.fence,"
    " (extract(epoch FROM a.until - now()) * 1000000)::bigint, a.last_run,"
    " a.loop = 'health' AND EXISTS (SELECT FROM weir_dagmanager.alert_condition) FROM"
    " (SELECT * FROM mine UNION ALL SELECT loop,"
    " CASE WHEN holder = $1 THEN '' ELSE holder END, fence, until, last_run"
    " FROM weir_dagmanager.loop_lease WHERE loop NOT IN (SELECT loop FROM mine)) a"
    " ORDER BY a.loop COLLATE \"C\""};

/// In the order of the loops, as above.
constexpr Statement kSeizeLoops = {
    "dag_seize_loops",
    "WITH seized AS (INSERT INTO weir_dagmanager.loop_lease AS l (loop, holder, fence, until)"
    " SELECT c.loop, $1, 1, now() + $3::bigint * interval '1 microsecond'"
    " FROM unnest($2::text[]) AS c (loop) ORDER BY c.loop COLLATE \"C\""
    " ON CONFLICT (loop) DO UPDATE SET holder = excluded.holder, fence = l.fence + 1,"
    " until = excluded.until RETURNING loop, fence)"
    " SELECT s.fence FROM unnest($2::text[]) WITH ORDINALITY AS c (loop, place)"
    " JOIN seized s ON s.loop = c.loop ORDER BY c.place"};

constexpr Statement kGiveLoopsBack = {
    "dag_give_loops_back",
    "UPDATE weir_dagmanager.loop_lease SET holder = '', until = now(), fence = fence + 1"
    " WHERE holder = $1"};

constexpr Statement kLockLoop = {"dag_lock_loop",
                                 "SELECT fence FROM weir_dagmanager.loop_lease WHERE loop = $1"
                                 " FOR SHARE"};

Result<Rows> execute(postgres::Pool& pool, const Statement& statement, const Params& params) {
  auto connection = pool.acquire(kStoreConnectionWait);
  if (!connection.ok()) return graph_error(std::move(connection).error());
  return with_graph_error((*connection)->execute(statement, params));
}

}  // namespace

Result<std::vector<LoopLease>> PostgresLoopLeases::renew(const std::string& holder,
                                                         std::span<const LoopClaim> claims) {
  Params params;
  params.text(holder)
      .text_array(claims, &LoopClaim::loop)
      .instant_array(claims, &LoopClaim::last_run)
      .int64(kLoopLeaseTtl.count());
  WEIR_TRY(const Rows rows, execute(pool_, kRenewLoops, params));
  std::vector<LoopLease> leases;
  leases.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    leases.push_back({.loop = std::string(rows.text(row, 0)),
                      .holder = std::string(rows.text(row, 1)),
                      .fence = rows.int64(row, 2),
                      .left = Duration(rows.int64(row, 3)),
                      .last_run = rows.instant_if(row, 4),
                      .asked = rows.boolean(row, 5)});
  }
  return leases;
}

Result<std::vector<LoopFence>> PostgresLoopLeases::seize(const std::string& holder,
                                                         std::span<const std::string> loops) {
  Params params;
  params.text(holder).text_array(loops).int64(kLoopLeaseTtl.count());
  WEIR_TRY(const Rows rows, execute(pool_, kSeizeLoops, params));
  std::vector<LoopFence> fences;
  fences.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    fences.push_back({loops[row], rows.int64(row, 0)});
  }
  return fences;
}

Result<void> PostgresLoopLeases::give_back(const std::string& holder) {
  Params params;
  params.text(holder);
  WEIR_CHECK(execute(pool_, kGiveLoopsBack, params));
  return {};
}

std::size_t add_fence(postgres::Pipeline& pipeline, const LoopFence& fence) {
  Params params;
  params.text(fence.loop);
  return pipeline.add(kLockLoop, std::move(params));
}

Result<void> judge_fence(const Rows& rows, const LoopFence& fence) {
  if (rows.empty() || rows.int64(0, 0) != fence.fence) return loop_lost(fence);
  return {};
}

Error loop_error(Error error) {
  if (error.reason() == kLoopLost) return error;
  return graph_error(std::move(error));
}

}  // namespace weir::dagmanager
