// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "base/crash_point.h"
#include "dagmanager/ports/compaction/postgres_compaction_rows.h"
#include "dagmanager/ports/compaction/postgres_compaction_store.h"
#include "dagmanager/ports/loops/postgres_loop_leases.h"
#include "dagmanager/ports/postgres_limits.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

// The end of a sentinel in PostgreSQL.
namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Statement;

constexpr Statement kDeleteSentinel = {"dag_delete_sentinel",
                                       "DELETE FROM weir_dagmanager.sentinel"
                                       " WHERE sentinel_id = $1 AND world_id = $2 AND version = $3"
                                       " AND retired_at = $4"};

constexpr Statement kDeleteHas = {"dag_delete_has",
                                  "DELETE FROM weir_dagmanager.sentinel_deploy"
                                  " WHERE sentinel_id = $1 AND world_id = $2 AND version = $3"};

Params key_params(const SentinelKey& key) {
  Params params;
  params.text(key.id.view()).text(key.world.view()).text(key.version.view());
  return params;
}

/// Whether a deploy under it keeps it, of those that are stored now.
bool is_held(const std::vector<DeployStanding>& deploys, const SentinelKey& key,
             const SentinelRemoval& removal) {
  const std::vector<bool> keeping =
      keeping_deploys(deploys, {key}, removal.deploys_kept, removal.at);
  for (std::size_t i = 0; i < deploys.size(); ++i) {
    if (keeping[i] && sentinel_of(deploys[i]) == key) return true;
  }
  return false;
}

/// Three exchanges in one transaction; one that is left open is rolled back with its lease.
Result<bool> write_removal(postgres::Pool& pool, const CompactionFence& fence,
                           const SentinelRemoval& removal) {
  const SentinelKey key = key_of(removal.exported.sentinel);
  std::vector<std::string> expected;
  expected.reserve(removal.exported.deploys.size());
  for (const DeployRecord& deploy : removal.exported.deploys) {
    expected.push_back(deploy.key.text());
  }
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  Pipeline locking(*connection);
  locking.begin();
  const LockPlaces locks = add_locks(locking, fence, expected, true);
  const ExportPlaces stored_at = add_export(locking, key, expected);
  WEIR_TRY(const auto read, locking.run());
  WEIR_CHECK(judge_locks(read, locks, fence));
  const std::vector<DeployStanding> deploys = standings(read, locks);
  const auto stored = read_export(read, stored_at);
  if (stored != removal.exported || deploys_under(deploys, key) != expected) return false;
  if (is_held(deploys, key, removal)) return false;
  Pipeline writing(*connection);
  Params gone = key_params(key);
  gone.instant(*removal.exported.sentinel.retired_at);
  writing.add(kDeleteSentinel, std::move(gone));
  writing.add(kDeleteHas, key_params(key));
  add_end_of_deploys(writing, expected, removal.at);
  add_log_row(writing, archived_row(removal));
  writing.commit();
  WEIR_CRASH_POINT("compact.before_sentinel");
  WEIR_CHECK(writing.run());
  WEIR_CRASH_POINT("compact.after_sentinel");
  return true;
}

}  // namespace

Result<bool> PostgresCompactionStore::remove_sentinel(const CompactionFence& fence,
                                                      const SentinelRemoval& removal) {
  if (!removal.exported.sentinel.retired_at) return false;
  auto removed = write_removal(pool_, fence, removal);
  if (!removed.ok()) return loop_error(std::move(removed).error());
  return removed;
}

}  // namespace weir::dagmanager
