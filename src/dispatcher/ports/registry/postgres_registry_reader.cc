// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/registry/postgres_registry_reader.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

#include "dispatcher/ports/database/postgres_limits.h"
#include "dispatcher/ports/database/postgres_schema.h"
#include "dispatcher/ports/registry/registry_sql.h"
#include "dispatcher/ports/registry/registry_sql_text.h"
#include "drivers/postgres/pipeline.h"

namespace weir::dispatcher {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;
using postgres::Type;

constexpr const char* kReadOnlySql = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";

/// A statement with its parameters; `statement` null: `sql`, planned with its values.
struct Asked {
  const Statement* statement = nullptr;
  std::string sql = {};
  Params params;
};
/// A list, and the statement that tells an empty one from one that is not there.
struct AskedList {
  Asked page;
  std::optional<Asked> exists = {};
};

Params scoped(const RegistryScope& scope) {
  Params params;
  params.text(scope.org.text()).text(scope.world);
  return params;
}

std::int64_t row_limit(const RegistryPageRequest& request) {
  return static_cast<std::int64_t>(request.limit) + 1;
}

std::string text_of(const RegistryPageRequest& request) {
  return request.after ? request.after->text : std::string();
}

/// The instant and the id behind which a list from the newest begins; none: above all.
constexpr Uuid kLastUuid = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                             0xff, 0xff, 0xff, 0xff}};
Params& add_instant(Params& params, const RegistryPageRequest& request) {
  return params.instant(request.after ? Instant(Duration(request.after->number)) : Instant::max());
}
Params& add_instant_and_id(Params& params, const RegistryPageRequest& request) {
  const std::optional<Uuid> id = request.after ? Uuid::parse(request.after->text) : std::nullopt;
  return add_instant(params, request).uuid(id.value_or(kLastUuid));
}

template <class Filter>
std::optional<std::string_view> filter_word(const std::optional<Filter>& filter) {
  return filter ? std::optional(word(*filter)) : std::nullopt;
}

template <class Id>
Params& add_id_or_null(Params& params, const std::optional<Id>& id) {
  return id ? params.uuid(id->uuid()) : params.null(Type::Uuid);
}

/// Statements of lists.
struct AskList {
  const RegistryScope& scope;
  const RegistryPageRequest& request;

  Asked dag_exists(const std::string& dag) const {
    return {.statement = &registry_sql::dag_exists(), .params = scoped(scope).text(dag)};
  }
  Asked dataset_exists(const std::string& dataset_id,
                       const std::optional<DatasetVersionId>& version) const {
    Params params = scoped(scope);
    add_id_or_null(params.text(dataset_id), version);
    return {.statement = &registry_sql::dataset_exists(), .params = std::move(params)};
  }

  AskedList operator()(const DagList& /*all*/) const {
    Params params = scoped(scope);
    params.text(text_of(request)).int64(row_limit(request));
    return {.page = {.statement = &registry_sql::dag_list(), .params = std::move(params)}};
  }
  AskedList operator()(const DagVersionList& of) const {
    Params params = scoped(scope);
    params.text(of.dag)
        .int64(request.after ? request.after->number : std::numeric_limits<std::int64_t>::max())
        .int64(row_limit(request));
    return {.page = {.statement = &registry_sql::version_list(), .params = std::move(params)},
            .exists = dag_exists(of.dag)};
  }
  AskedList operator()(const DeployList& of) const {
    Params params = scoped(scope);
    params.text(of.dag);
    add_instant_and_id(params, request).int64(row_limit(request));
    return {.page = {.statement = &registry_sql::deploy_list(), .params = std::move(params)},
            .exists = dag_exists(of.dag)};
  }
  AskedList operator()(const TaskList& of) const {
    Params params = scoped(scope);
    params.text_or_null(of.dag).text_or_null(of.job);
    params.text_or_null(filter_word(of.task_class)).text_or_null(filter_word(of.kind));
    add_id_or_null(params, of.root);
    add_instant_and_id(params, request).int64(row_limit(request));
    return {.page = {.sql = registry_sql::task_list(of), .params = std::move(params)}};
  }
  AskedList operator()(const DatasetList& /*all*/) const {
    Params params = scoped(scope);
    params.text(text_of(request)).int64(row_limit(request));
    return {.page = {.statement = &registry_sql::dataset_list(), .params = std::move(params)}};
  }
  AskedList operator()(const DatasetVersionList& of) const {
    Params params = scoped(scope);
    params.text(of.dataset_id);
    add_instant_and_id(params, request).int64(row_limit(request));
    return {
        .page = {.statement = &registry_sql::dataset_version_list(), .params = std::move(params)},
        .exists = dataset_exists(of.dataset_id, {})};
  }
  AskedList operator()(const PartitionList& of) const {
    Params params = scoped(scope);
    add_id_or_null(params.text(of.dataset_id), of.version);
    params.text(text_of(request)).text(of.prefix).int64(row_limit(request));
    params.text_or_null(registry_sql::behind_prefix(of.prefix));
    return {.page = {.statement = &registry_sql::partition_list(), .params = std::move(params)},
            .exists = dataset_exists(of.dataset_id, of.version)};
  }
  AskedList operator()(const AuditList& /*all*/) const {
    Params params = scoped(scope);
    add_instant(params, request).int64(number_of(text_of(request))).int64(row_limit(request));
    return {.page = {.statement = &registry_sql::audit_list(), .params = std::move(params)}};
  }

  static std::int64_t number_of(const std::string& text) {
    return text.empty() ? std::numeric_limits<std::int64_t>::max()
                        : std::strtoll(text.c_str(), nullptr, 10);
  }
};

std::string_view word_of(PointerSetName name) {
  if (name == PointerSetName::Current) return "current";
  return name == PointerSetName::Previous ? "previous" : "candidate";
}

/// Statements of pictures.
struct AskPicture {
  const RegistryScope& scope;

  Asked operator()(const DagPicture& of) const {
    return {.statement = &registry_sql::dag_picture(), .params = scoped(scope).text(of.dag)};
  }
  Asked operator()(const DagVersionPicture& of) const {
    return {.statement = &registry_sql::version_picture(),
            .params = scoped(scope).text(of.dag).uuid(of.version.uuid())};
  }
  Asked operator()(const DeployPicture& of) const {
    return {.statement = &registry_sql::deploy_picture(),
            .params = scoped(scope).text(of.dag).uuid(of.deploy.uuid())};
  }
  Asked operator()(const GraphPicture& of) const {
    Params params = scoped(scope).text(of.dag);
    if (const auto* name = std::get_if<PointerSetName>(&of.pointer_set)) {
      params.text(word_of(*name)).null(Type::Uuid);
    } else {
      params.text("id").uuid(std::get<PointerSetId>(of.pointer_set).uuid());
    }
    return {.statement = &registry_sql::graph_picture(), .params = std::move(params)};
  }
  Asked operator()(const TaskPicture& of) const {
    return {.statement = &registry_sql::task_picture(),
            .params = scoped(scope).uuid(of.task.uuid())};
  }
  Asked operator()(const DatasetPicture& of) const {
    return {.statement = &registry_sql::dataset_picture(),
            .params = scoped(scope).text(of.dataset_id)};
  }
};

std::size_t add(Pipeline& pipeline, Asked asked) {
  return asked.statement != nullptr ? pipeline.add(*asked.statement, std::move(asked.params))
                                    : pipeline.add(std::move(asked.sql), std::move(asked.params));
}

/// Begins a read of the organisation's rows.
void begin_read(Pipeline& pipeline, const RegistryScope& scope) {
  pipeline.begin();
  pipeline.add(std::string(kReadOnlySql));
  pipeline.add(kSetOrgSql, Params().text(scope.org.text()));
}

Result<Rows> read_one(postgres::Pool& pool, const RegistryScope& scope, Asked asked) {
  WEIR_TRY(const postgres::Pool::Lease connection, pool.acquire(kUserPoolWait));
  Pipeline pipeline(*connection);
  begin_read(pipeline, scope);
  const std::size_t at = add(pipeline, std::move(asked));
  pipeline.commit();
  WEIR_TRY(auto results, pipeline.run());
  return std::move(results[at]);
}

RegistryPage page_of(const Rows& rows, std::size_t limit) {
  RegistryPage page;
  const std::size_t shown = std::min(rows.size(), limit);
  page.items.reserve(shown);
  for (std::size_t row = 0; row < shown; ++row) page.items.emplace_back(rows.text(row, 0));
  if (rows.size() > limit && shown > 0) {
    page.next =
        PageKey{.number = rows.int64(shown - 1, 1), .text = std::string(rows.text(shown - 1, 2))};
  }
  return page;
}

}  // namespace

Result<RegistryPage> PostgresRegistryReader::list(const RegistryScope& scope,
                                                  const Listing& listing,
                                                  const RegistryPageRequest& request) {
  AskedList asked = std::visit(AskList{.scope = scope, .request = request}, listing);
  WEIR_TRY(const postgres::Pool::Lease connection, pool_.acquire(kUserPoolWait));
  Pipeline pipeline(*connection);
  begin_read(pipeline, scope);
  const std::size_t page_at = add(pipeline, std::move(asked.page));
  std::optional<std::size_t> exists_at;
  if (asked.exists) exists_at = add(pipeline, std::move(*asked.exists));
  pipeline.commit();
  WEIR_TRY(const auto results, pipeline.run());
  if (exists_at && !results[*exists_at].boolean(0, 0)) {
    return base::not_found("not_found", "there is nothing of that name");
  }
  return page_of(results[page_at], request.limit);
}

Result<std::string> PostgresRegistryReader::show(const RegistryScope& scope,
                                                 const Picture& picture) {
  WEIR_TRY(const Rows rows, read_one(pool_, scope, std::visit(AskPicture{scope}, picture)));
  if (rows.empty()) {
    if (std::holds_alternative<TaskPicture>(picture)) {
      return base::not_found("task_not_found", "there is no such task");
    }
    return base::not_found("not_found", "there is nothing of that name");
  }
  return std::string(rows.text(0, 0));
}

Result<SourceBuild> PostgresRegistryReader::find_source(const RegistryScope& scope,
                                                        const std::string& dag,
                                                        const std::string& job) {
  Params params = scoped(scope).text(dag).text(job);
  WEIR_TRY(const Rows rows,
           read_one(pool_, scope,
                    {.statement = &registry_sql::source_of(), .params = std::move(params)}));
  if (rows.empty()) return base::not_found("not_found", "there is nothing of that name");
  return SourceBuild{.build_id = BuildId(rows.uuid(0, 0)), .kind = std::string(rows.text(0, 1))};
}

}  // namespace weir::dispatcher
