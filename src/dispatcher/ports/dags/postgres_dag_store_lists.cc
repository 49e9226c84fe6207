// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "dispatcher/ports/dags/postgres_dag_store.h"
#include "dispatcher/ports/dags/postgres_dag_store_read.h"
#include "dispatcher/ports/database/org_scope.h"
#include "dispatcher/ports/database/postgres_schema.h"
#include "drivers/postgres/pool.h"

/// What people read of DAGs and deploys (3.5).
namespace weir::dispatcher {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Pool;
using postgres::Rows;
using postgres::Statement;

/// $1 organisation, $2 name to begin behind, $3 world, $4 rows.
constexpr Statement kListDags{
    "dag_store_list_dags",
    "SELECT d.dag_name, d.versions, c.dag_version_id::text, v.version_no,"
    " coalesce(c.generation, 0), c.activated_at FROM (SELECT dag_name, count(*) AS versions"
    " FROM state.dag_versions WHERE org_id = $1::uuid AND dag_name COLLATE \"C\" > $2"
    " GROUP BY dag_name ORDER BY dag_name COLLATE \"C\" LIMIT $4) AS d"
    " LEFT JOIN state.dag_current_versions c ON c.org_id = $1::uuid AND c.dag_name = d.dag_name"
    " AND c.world = $3 LEFT JOIN state.dag_versions v ON v.dag_version_id = c.dag_version_id"
    " ORDER BY d.dag_name COLLATE \"C\""};

/// $1 organisation, $2 DAG, $3 world. `text` is the column that lists leave out.
#define WEIR_VERSIONS_SQL(text)                                                                 \
  "SELECT v.dag_version_id::text, v.version_no, v.yaml_hash, v.registry_hash, " text            \
  ", coalesce(v.created_by::text, ''), v.created_at,"                                           \
  " CASE WHEN c.dag_version_id = v.dag_version_id THEN 'active'"                                \
  " WHEN o.dag_version_id = v.dag_version_id THEN"                                              \
  " CASE o.state WHEN 'ready' THEN 'ready' ELSE 'building' END"                                 \
  " WHEN p.dag_version_id = v.dag_version_id THEN 'previous' ELSE 'stored' END"                 \
  " FROM state.dag_versions v LEFT JOIN state.dag_current_versions c ON c.org_id = v.org_id"    \
  " AND c.dag_name = v.dag_name AND c.world = $3"                                               \
  " LEFT JOIN state.pointer_sets p ON p.pointer_set_id = c.previous_pointer_set_id"             \
  " LEFT JOIN (SELECT t.dag_version_id, d.state FROM state.deploys d JOIN state.pointer_sets t" \
  " ON t.pointer_set_id = d.to_pointer_set_id WHERE d.org_id = $1::uuid AND d.dag_name = $2"    \
  " AND d.world = $3 AND d.state IN ('planned', 'building', 'ready')) AS o ON true"             \
  " WHERE v.org_id = $1::uuid AND v.dag_name = $2"
/// $4 number to begin below, $5 rows.
constexpr Statement kListVersions{
    "dag_store_list_versions",
    WEIR_VERSIONS_SQL("''") " AND v.version_no < $4 ORDER BY v.version_no DESC LIMIT $5"};
/// $4 the version.
constexpr Statement kReadVersion{
    "dag_store_read_version", WEIR_VERSIONS_SQL("v.yaml_text") " AND v.dag_version_id = $4::uuid"};
#undef WEIR_VERSIONS_SQL

/// $1 organisation, $2 DAG, $3 world.
#define WEIR_DEPLOYS_SQL                                                                          \
  "SELECT d.deploy_id::text, d.dag_name, d.world::text, coalesce(d.from_world::text, ''),"        \
  " d.kind, d.state, f.dag_version_id::text, t.dag_version_id::text, t.pointer_set_id::text,"     \
  " d.activate, d.old_version, d.effects, d.plan::text, d.blockers::text,"                        \
  " (SELECT coalesce(jsonb_agg(jsonb_build_object('dataset_id', k.dataset_id, 'name', k.name,"    \
  " 'kind', k.kind, 'on_fail', k.on_fail, 'state', k.state, 'round', k.round, 'measured',"        \
  " k.measured, 'baseline', k.baseline) ORDER BY k.dataset_id, k.name), '[]')::text"              \
  " FROM state.deploy_checks k WHERE k.deploy_id = d.deploy_id),"                                 \
  " d.created_at, d.ready_at, d.finished_at, w.builds, coalesce(w.tasks, 0), coalesce(w.done, 0)" \
  " FROM state.deploys d JOIN state.pointer_sets t ON t.pointer_set_id = d.to_pointer_set_id"     \
  " LEFT JOIN state.pointer_sets f ON f.pointer_set_id = d.from_pointer_set_id"                   \
  " CROSS JOIN LATERAL (SELECT count(DISTINCT j->>'job') AS builds,"                              \
  " sum(n.queued + n.running + n.retry_wait + n.completed + n.failed + n.canceled)::bigint"       \
  " AS tasks, sum(n.completed)::bigint AS done FROM jsonb_array_elements(d.plan) AS p (j)"        \
  " LEFT JOIN state.task_counts n ON n.build_id = (j->>'build_id')::uuid"                         \
  " AND n.queue LIKE 'tasks.%.backfill' WHERE j->>'action' = 'build') AS w"                       \
  " WHERE d.org_id = $1::uuid AND d.dag_name = $2 AND d.world = $3"
/// $4 deploy to begin behind, or null, $5 rows.
constexpr Statement kListDeploys{"dag_store_list_deploys", WEIR_DEPLOYS_SQL
                                 " AND ($4::uuid IS NULL OR d.deploy_id < $4::uuid)"
                                 " ORDER BY d.deploy_id DESC LIMIT $5"};
/// $4 the deploy.
constexpr Statement kReadDeploy{"dag_store_read_deploy",
                                WEIR_DEPLOYS_SQL " AND d.deploy_id = $4::uuid"};
#undef WEIR_DEPLOYS_SQL

Result<Rows> read_as(Pool& pool, const OrgId& org, const Statement& statement, Params params) {
  auto session = pool.acquire(kDagStoreSessionWait);
  if (!session.ok()) return dag_store_error(session.error());
  Pipeline pipeline(**session);
  pipeline.begin();
  pipeline.add(kSetOrg, Params().text(org.text()));
  const std::size_t asked = pipeline.add(statement, std::move(params));
  pipeline.commit();
  auto results = pipeline.run();
  if (!results.ok()) return dag_store_error(results.error());
  return std::move((*results)[asked]);
}

std::size_t rows_of(const PageRequest& page) {
  return std::clamp<std::size_t>(page.limit, 1, kDagStorePageMax);
}

/// One row more than asked for tells whether there is a next page.
std::int64_t rows_asked(const PageRequest& page) {
  return static_cast<std::int64_t>(rows_of(page)) + 1;
}

template <class Row, class Read, class Mark>
Page<Row> page_of(const Rows& rows, const PageRequest& request, const Read& read,
                  const Mark& mark) {
  Page<Row> page;
  const std::size_t count = std::min(rows.size(), rows_of(request));
  for (std::size_t row = 0; row < count; ++row) page.rows.push_back(read(rows, row));
  if (rows.size() > count) page.next = mark(page.rows.back());
  return page;
}

DagVersionRow version_at(const Rows& rows, std::size_t row) {
  return {.id = id_at<DagVersionId>(rows, row, 0),
          .version_no = rows.int64(row, 1),
          .yaml_hash = std::string(rows.text(row, 2)),
          .registry_hash = std::string(rows.text(row, 3)),
          .yaml_text = std::string(rows.text(row, 4)),
          .created_by = std::string(rows.text(row, 5)),
          .created_at = rows.instant(row, 6),
          .state = std::string(rows.text(row, 7))};
}

DeployRow deploy_at(const Rows& rows, std::size_t row) {
  DeployRow deploy;
  deploy.id = id_at<DeployId>(rows, row, 0);
  deploy.dag_name = rows.text(row, 1);
  deploy.world = rows.text(row, 2);
  deploy.from_world = rows.text(row, 3);
  deploy.kind = rows.text(row, 4);
  deploy.state = rows.text(row, 5);
  deploy.from = id_if<DagVersionId>(rows, row, 6);
  deploy.to = id_if<DagVersionId>(rows, row, 7);
  deploy.to_pointer_set = id_at<PointerSetId>(rows, row, 8);
  deploy.activate = rows.text(row, 9);
  deploy.old_version = rows.text(row, 10);
  deploy.effects = rows.text(row, 11);
  deploy.plan_json = rows.text(row, 12);
  deploy.blockers_json = rows.text(row, 13);
  deploy.checks_json = rows.text(row, 14);
  deploy.created_at = rows.instant(row, 15);
  deploy.ready_at = rows.instant_if(row, 16);
  deploy.finished_at = rows.instant_if(row, 17);
  deploy.builds_total = rows.int64(row, 18);
  deploy.builds_ready = deploy.ready_at ? deploy.builds_total : 0;
  deploy.tasks_total = rows.int64(row, 19);
  deploy.tasks_done = rows.int64(row, 20);
  return deploy;
}

}  // namespace

Result<Page<DagRow>> PostgresDagStore::list_dags(const DagName& of, const PageRequest& page) {
  Params params;
  params.text(of.org_id.text()).text(page.after).text(of.world).int64(rows_asked(page));
  WEIR_TRY(const Rows rows, read_as(state_, of.org_id, kListDags, std::move(params)));
  const auto read = [](const Rows& from, std::size_t row) {
    return DagRow{.dag_name = std::string(from.text(row, 0)),
                  .versions = from.int64(row, 1),
                  .active = id_if<DagVersionId>(from, row, 2),
                  .active_version_no = from.int64_if(row, 3),
                  .generation = from.int64(row, 4),
                  .activated_at = from.instant_if(row, 5)};
  };
  return page_of<DagRow>(rows, page, read, [](const DagRow& last) { return last.dag_name; });
}

Result<Page<DagVersionRow>> PostgresDagStore::list_versions(const DagName& dag,
                                                            const PageRequest& page) {
  std::int64_t below = std::numeric_limits<std::int64_t>::max();
  std::from_chars(page.after.data(), page.after.data() + page.after.size(), below);
  Params params = dag_params(dag);
  params.int64(below).int64(rows_asked(page));
  WEIR_TRY(const Rows rows, read_as(state_, dag.org_id, kListVersions, std::move(params)));
  if (rows.empty() && page.after.empty()) {
    return base::not_found("not_found", "there is no such DAG");
  }
  return page_of<DagVersionRow>(rows, page, version_at, [](const DagVersionRow& last) {
    return std::to_string(last.version_no);
  });
}

Result<DagVersionRow> PostgresDagStore::read_version(const DagName& dag, const DagVersionId& id) {
  Params params = dag_params(dag);
  params.text(id.text());
  WEIR_TRY(const Rows rows, read_as(state_, dag.org_id, kReadVersion, std::move(params)));
  if (rows.empty()) return base::not_found("not_found", "there is no such version of the DAG");
  return version_at(rows, 0);
}

Result<Page<DeployRow>> PostgresDagStore::list_deploys(const DagName& dag,
                                                       const PageRequest& page) {
  const auto after = Uuid::parse(page.after);
  Params params = dag_params(dag);
  params.text_or_null(after ? std::optional(after->text()) : std::nullopt);
  params.int64(rows_asked(page));
  WEIR_TRY(const Rows rows, read_as(state_, dag.org_id, kListDeploys, std::move(params)));
  return page_of<DeployRow>(rows, page, deploy_at,
                            [](const DeployRow& last) { return last.id.text(); });
}

Result<DeployRow> PostgresDagStore::read_deploy(const DagName& dag, const DeployId& id) {
  Params params = dag_params(dag);
  params.text(id.text());
  WEIR_TRY(const Rows rows, read_as(state_, dag.org_id, kReadDeploy, std::move(params)));
  if (rows.empty()) return base::not_found("not_found", "there is no such deploy of the DAG");
  return deploy_at(rows, 0);
}

}  // namespace weir::dispatcher
