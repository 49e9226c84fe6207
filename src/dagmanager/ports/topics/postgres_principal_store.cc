// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/topics/postgres_principal_store.h"

#include <string_view>
#include <utility>

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

constexpr Statement kReadPrincipals = {
    "dag_read_principals", "SELECT principal FROM weir_dagmanager.topic_principal ORDER BY 1"};
constexpr Statement kAddPrincipals = {
    "dag_add_principals",
    "INSERT INTO weir_dagmanager.topic_principal SELECT DISTINCT unnest($1::text[])"
    " ON CONFLICT DO NOTHING"};
constexpr Statement kDropPrincipals = {
    "dag_drop_principals",
    "DELETE FROM weir_dagmanager.topic_principal WHERE principal = ANY ($1::text[])"};

Params principals_params(std::span<const std::string> principals) {
  Params params;
  params.text_array(principals, [](const std::string& one) -> std::string_view { return one; });
  return params;
}

Result<void> drop_principals(postgres::Pool& pool, const LoopFence& fence,
                             std::span<const std::string> principals) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  Pipeline pipeline(*connection);
  pipeline.begin();
  const std::size_t fence_at = add_fence(pipeline, fence);
  pipeline.add(kDropPrincipals, principals_params(principals));
  WEIR_TRY(auto results, pipeline.run());
  WEIR_CHECK(judge_fence(results[fence_at], fence));
  pipeline.commit();
  WEIR_CHECK(pipeline.run());
  return {};
}

}  // namespace

Result<std::vector<std::string>> PostgresPrincipalStore::list() {
  const auto connection = pool_.acquire(kStoreConnectionWait);
  if (!connection.ok()) return graph_error(connection.error());
  const auto rows = (*connection)->execute(kReadPrincipals);
  if (!rows.ok()) return graph_error(rows.error());
  std::vector<std::string> principals;
  principals.reserve(rows->size());
  for (std::size_t row = 0; row < rows->size(); ++row) principals.emplace_back(rows->text(row, 0));
  return principals;
}

Result<void> PostgresPrincipalStore::add(std::span<const std::string> principals) {
  if (principals.empty()) return {};
  const auto connection = pool_.acquire(kStoreConnectionWait);
  if (!connection.ok()) return graph_error(connection.error());
  const auto added = (*connection)->execute(kAddPrincipals, principals_params(principals));
  if (!added.ok()) return graph_error(added.error());
  return {};
}

Result<void> PostgresPrincipalStore::drop(const LoopFence& fence,
                                          std::span<const std::string> principals) {
  if (principals.empty()) return {};
  return with_loop_error(drop_principals(pool_, fence, principals));
}

}  // namespace weir::dagmanager
