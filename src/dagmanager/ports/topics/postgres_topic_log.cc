// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/topics/postgres_topic_log.h"

#include <utility>

#include "base/crash_point.h"
#include "dagmanager/ports/loops/postgres_loop_leases.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_limits.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Statement;

constexpr Statement kPruneLog = {"dag_prune_log",
                                 "SELECT weir_dagmanager.prune_topic_log($1, $2::bigint::integer)"};

constexpr Statement kReadPruned = {"dag_read_pruned",
                                   "SELECT before FROM weir_dagmanager.topic_log_pruned"};

Result<std::size_t> prune_once(postgres::Pool& pool, const LoopFence& fence, Instant horizon,
                               std::size_t limit) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  Pipeline pipeline(*connection);
  pipeline.begin();
  const std::size_t fence_at = add_fence(pipeline, fence);
  Params params;
  params.instant(horizon).int64(static_cast<std::int64_t>(limit));
  const std::size_t gone_at = pipeline.add(kPruneLog, std::move(params));
  WEIR_TRY(const auto read, pipeline.run());
  WEIR_CHECK(judge_fence(read[fence_at], fence));
  const std::int64_t gone = read[gone_at].int64(0, 0);
  WEIR_CRASH_POINT("reconciler.before_prune");
  Pipeline ending(*connection);
  ending.commit();
  WEIR_CHECK(ending.run());
  WEIR_CRASH_POINT("reconciler.after_prune");
  return static_cast<std::size_t>(gone);
}

}  // namespace

Result<std::size_t> PostgresTopicLogStore::prune(const LoopFence& fence, Instant horizon,
                                                 std::size_t limit) {
  return with_loop_error(prune_once(pool_, fence, horizon, limit));
}

Result<std::optional<Instant>> PostgresTopicLogStore::pruned_before() {
  const auto connection = pool_.acquire(kStoreConnectionWait);
  if (!connection.ok()) return graph_error(connection.error());
  const auto rows = (*connection)->execute(kReadPruned);
  if (!rows.ok()) return graph_error(rows.error());
  if (rows->empty()) return std::optional<Instant>();
  return rows->instant_if(0, 0);
}

}  // namespace weir::dagmanager
