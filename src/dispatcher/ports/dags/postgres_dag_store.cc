// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/dags/postgres_dag_store.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/crash_point.h"
#include "base/json.h"
#include "dispatcher/ports/dags/postgres_dag_store_read.h"
#include "dispatcher/ports/dags/postgres_dag_store_write.h"
#include "dispatcher/ports/database/org_scope.h"
#include "dispatcher/ports/database/postgres_schema.h"
#include "dispatcher/ports/database/postgres_switch_lock.h"
#include "drivers/postgres/pool.h"

namespace weir::dispatcher {
namespace {

using postgres::Connection;
using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

/// $1 organisation, $2 DAG, $3 world.
constexpr Statement kDatasets{
    "dag_store_datasets",
    "SELECT dataset_id, filterable::text FROM state.dataset_names WHERE org_id = $1::uuid"
    " AND owner_dag_name <> $2 AND world = $3"};
constexpr Statement kBundles{"dag_store_bundles",
                             "SELECT bundle_id, language, encode(sha256, 'hex') FROM state.bundles"
                             " WHERE org_id = $1::uuid AND state = 'ready'"};
/// Names are unique over all organisations in the live world, in others within one.
constexpr Statement kOwned{"dag_store_owned",
                           "SELECT dataset_id FROM state.dataset_names WHERE world = $3"
                           " AND NOT (org_id = $1::uuid AND owner_dag_name = $2)"
                           " AND (world = 'live' OR org_id = $1::uuid)"};
/// $4 dataset ids: whose they are.
constexpr Statement kOwners{
    "dag_store_owners",
    "SELECT DISTINCT owner_dag_name FROM state.dataset_names WHERE org_id = $1::uuid"
    " AND owner_dag_name <> $2 AND world = $3 AND dataset_id = ANY ($4::text[])"};
constexpr Statement kLockSwitch{"dag_store_lock_switch", kLockSwitchExclusiveSql};
constexpr Statement kMakeTable{
    "dag_store_make_table",
    "SELECT data.make_dataset_table((t->>'version')::uuid, t->'columns',"
    " ARRAY(SELECT jsonb_array_elements_text(t->'unique')), t->'indexes')"
    " FROM jsonb_array_elements($1) AS l (t)"};

KnownDataset dataset_of(std::string_view filterable) {
  KnownDataset known;
  const Result<JsonDocument> document = JsonDocument::parse(filterable);
  WEIR_ASSERT(document.ok());
  for (const JsonValue column : document->root()) {
    known.filterable.emplace(column.key(), column.text());
  }
  return known;
}

/// Locks the DAG's switch and those of the DAGs whose datasets it reads: an event that they accept
/// meanwhile is either behind the mark of a new subscription or sees the subscription. Gives whose
/// were locked.
Result<std::vector<std::string>> lock_switches(Connection& session, const StandingRequest& about) {
  Pipeline first(session);
  first.begin();
  first.add(kSetOrg, Params().text(about.dag.org_id.text()));
  const std::size_t asked = first.add(kOwners, dag_params(about.dag).text_array(about.foreign));
  WEIR_TRY(const auto results, first.run());
  std::vector<std::string> dags = {about.dag.dag_name};
  for (std::size_t row = 0; row < results[asked].size(); ++row) {
    dags.emplace_back(results[asked].text(row, 0));
  }
  return dags;
}

Result<DagStanding> read_locked(Connection& session, const StandingRequest& about) {
  WEIR_TRY(const std::vector<std::string> dags, lock_switches(session, about));
  const std::vector<std::string> orgs(dags.size(), about.dag.org_id.text());
  Pipeline second(session);
  second.add(kLockSwitch, Params().text_array(orgs).text_array(dags));
  StandingReader reader(about);
  reader.add_to(second, /*lock=*/true);
  WEIR_TRY(const auto results, second.run());
  DagStanding standing = reader.read(results);
  for (const auto& [name, dataset] : standing.foreign) {
    if (std::ranges::find(dags, dataset.owner_dag) != dags.end()) continue;
    return Error(Code::Aborted, "transaction_conflict",
                 "dataset " + name + " has another owner now");
  }
  return standing;
}

/// Errors of a decision are answers; those of the driver become the port's.
Result<DeployWrites> apply_on(Connection& session, const ApplyRequest& request) {
  auto standing = read_locked(session, request.about);
  if (!standing.ok()) return dag_store_error(standing.error());
  WEIR_TRY(DeployWrites writes, request.decide(*standing));
  Pipeline pipeline(session);
  DeployWriter writer(request, writes, standing->now);
  writer.add_to(pipeline);
  if (pipeline.size() == 0) return writes;
  const auto results = pipeline.run();
  if (!results.ok()) return dag_store_error(results.error());
  WEIR_CHECK(writer.check(*results));
  WEIR_CRASH_POINT("deploy.before_commit");
  if (const auto done = session.commit(); !done.ok()) return dag_store_error(done.error());
  WEIR_CRASH_POINT("deploy.after_commit");
  return writes;
}

}  // namespace

Result<DagSurroundings> PostgresDagStore::surroundings(const DagName& dag, bool ownership) {
  auto session = state_.acquire(kDagStoreSessionWait);
  if (!session.ok()) return dag_store_error(session.error());
  Pipeline pipeline(**session);
  pipeline.begin();
  pipeline.add(kSetOrg, Params().text(dag.org_id.text()));
  const std::size_t now = pipeline.add(kReadClock);
  const std::size_t datasets = pipeline.add(kDatasets, dag_params(dag));
  const std::size_t bundles = pipeline.add(kBundles, Params().text(dag.org_id.text()));
  std::size_t owned = 0;
  if (ownership) {
    pipeline.add(kSetOrg, Params().text(kAllOrgs));
    owned = pipeline.add(kOwned, dag_params(dag));
  }
  pipeline.commit();
  const auto results = pipeline.run();
  if (!results.ok()) return dag_store_error(results.error());
  DagSurroundings around{.names = {}, .now = (*results)[now].instant(0, 0)};
  const Rows& published = (*results)[datasets];
  for (std::size_t row = 0; row < published.size(); ++row) {
    around.names.datasets.emplace(published.text(row, 0), dataset_of(published.text(row, 1)));
  }
  const Rows& ready = (*results)[bundles];
  for (std::size_t row = 0; row < ready.size(); ++row) {
    const auto language = enum_of<BundleLanguage>(kBundleLanguages, ready.text(row, 1));
    around.names.bundles.emplace(ready.text(row, 0),
                                 KnownBundle{.language = language.value_or(BundleLanguage::Node),
                                             .sha256 = std::string(ready.text(row, 2))});
  }
  for (std::size_t row = 0; ownership && row < (*results)[owned].size(); ++row) {
    around.names.owned_by_others.emplace((*results)[owned].text(row, 0));
  }
  return around;
}

Result<DagStanding> PostgresDagStore::standing(const StandingRequest& request) {
  auto session = state_.acquire(kDagStoreSessionWait);
  if (!session.ok()) return dag_store_error(session.error());
  Pipeline pipeline(**session);
  pipeline.begin();
  pipeline.add(kSetOrg, Params().text(request.dag.org_id.text()));
  StandingReader reader(request);
  reader.add_to(pipeline, /*lock=*/false);
  pipeline.commit();
  const auto results = pipeline.run();
  if (!results.ok()) return dag_store_error(results.error());
  return reader.read(*results);
}

Result<void> PostgresDagStore::make_tables(std::span<const DatasetTable> tables) {
  if (tables.empty()) return {};
  auto session = data_.acquire(kDagStoreSessionWait);
  if (!session.ok()) return dag_store_error(session.error());
  // Several transactions: what is made stays made, and a lock is held for one page only.
  for (std::size_t from = 0; from < tables.size(); from += kDagStoreTablesPage) {
    const auto page = tables.subspan(from, std::min(kDagStoreTablesPage, tables.size() - from));
    Pipeline pipeline(**session);
    pipeline.begin();
    pipeline.add(kMakeTable, Params().json(tables_json(page)));
    pipeline.commit();
    if (const auto made = pipeline.run(); !made.ok()) return dag_store_error(made.error());
    WEIR_CRASH_POINT("deploy.tables_made");
  }
  return {};
}

Result<DeployWrites> PostgresDagStore::apply(const ApplyRequest& request) {
  auto session = state_.acquire(kDagStoreSessionWait);
  if (!session.ok()) return dag_store_error(session.error());
  // What is left open by an answer without writes, the lease rolls back.
  return apply_on(**session, request);
}

}  // namespace weir::dispatcher
