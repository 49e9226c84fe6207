// SPDX-License-Identifier: Apache-2.0
#include "operators/child/compact_source.h"

#include <algorithm>
#include <utility>

#include "base/blake3.h"
#include "operators/failure.h"
#include "operators/limits.h"
#include "operators/tables/engine_table.h"
#include "operators/tables/row_reader.h"
#include "storage/commit_verifier.h"
#include "storage/limits.h"

namespace weir::operators {
namespace {

constexpr std::string_view kTable = "source";

Error cursor_unsuitable(const std::string& column) {
  return fatal_error("cursor_column_invalid",
                     column + " is no bigint or timestamptz column of the source");
}

/// The expression of a row's cursor; a timestamptz counts as milliseconds since the epoch.
Result<std::string> cursor_expression(const std::string& column, std::string_view engine_type) {
  const std::string name = duckdb::quote_name(column);
  if (engine_type == "TIMESTAMP WITH TIME ZONE") return "epoch_ms(" + name + ")";
  for (const std::string_view integer :
       {"BIGINT", "INTEGER", "SMALLINT", "TINYINT", "UINTEGER", "USMALLINT", "UTINYINT"}) {
    if (engine_type == integer) return name + "::BIGINT";
  }
  return cursor_unsuitable(column);
}

/// Copies an object into a file of this process.
Result<void> copy_object(storage::ObjectStore& store, const storage::CommittedObject& object,
                         const std::string& path) {
  WEIR_TRY(const auto file, make_file(path));
  const auto size = static_cast<std::uint64_t>(object.facts.size);
  for (std::uint64_t at = 0; at < size;) {
    WEIR_TRY(const std::string bytes,
             store.get(object.key, {.offset = at, .length = storage::kCopyBytes}));
    if (bytes.empty()) return retryable_error("source_changed", "an object is shorter than listed");
    WEIR_CHECK(append_bytes(file.number(), bytes));
    at += bytes.size();
  }
  return {};
}

/// What parquet files hold, as a relation with the columns they have.
Result<LoadedSource> load_files(const CompactPlan& plan, duckdb::Engine& engine,
                                const std::vector<std::string>& paths) {
  std::string list;
  for (const std::string& path : paths) {
    if (!list.empty()) list += ", ";
    list += duckdb::quote_text(path);
  }
  const std::string from =
      "read_parquet([" + list + "], hive_partitioning=false, union_by_name=true)";
  WEIR_TRY(auto described,
           engine.query("SELECT column_name::VARCHAR, column_type::VARCHAR FROM (DESCRIBE SELECT "
                        "* FROM " +
                        from + ")"));
  LoadedSource loaded{.table = from, .cursor = {}, .columns = {}, .schema_hash = {}};
  std::string schema = "weir.schema.v1\n";
  for (;;) {
    WEIR_TRY(const auto chunk, described.next());
    if (chunk.empty()) break;
    for (const Row& row : chunk) {
      const auto& name = std::get<std::string>(row[0]);
      const auto& type = std::get<std::string>(row[1]);
      if (name.starts_with("_weir_")) continue;
      if (name == plan.cursor_column) {
        WEIR_TRY(loaded.cursor, cursor_expression(name, type));
      }
      if (!loaded.columns.empty()) loaded.columns += ", ";
      loaded.columns += duckdb::quote_name(name);
      schema.append(name).append(" ").append(type).append("\n");
    }
  }
  if (loaded.cursor.empty()) return cursor_unsuitable(plan.cursor_column);
  loaded.schema_hash = "blake3:" + base::blake3_hex(schema);
  return loaded;
}

/// The files of the commits that the payload lists.
Result<LoadedSource> load_commits(const CompactPlan& plan, duckdb::Engine& engine,
                                  const WorkFolder& work, storage::ObjectStore& store) {
  std::vector<std::string> paths;
  for (const GrantedPartition& partition : *plan.source->partitions) {
    WEIR_TRY(const auto objects,
             storage::resolve_commit(store, {.location = partition.location,
                                             .manifest_sha256 = partition.manifest_sha256}));
    for (const storage::CommittedObject& object : objects) {
      paths.push_back(work.file("source_" + std::to_string(paths.size()) + ".parquet"));
      WEIR_CHECK(copy_object(store, object, paths.back()));
    }
  }
  if (paths.empty())
    return LoadedSource{.table = {}, .cursor = {}, .columns = {}, .schema_hash = {}};
  return load_files(plan, engine, paths);
}

/// Streams the rows of the range into a file.
Result<process::FileDescriptor> fetch_rows(const CompactPlan& plan, TaskApi& api, RowsFormat format,
                                           const std::string& path) {
  WEIR_TRY(auto file, make_file(path));
  WEIR_CHECK(api.get_rows(
      {.relation = plan.source->relation,
       .cursor_column = plan.cursor_column,
       .start = plan.range.start,
       .end = plan.range.end},
      format, [&](std::string_view bytes) { return append_bytes(file.number(), bytes); }));
  return file;
}

/// JSON lines, by the columns that the payload tells.
Result<LoadedSource> load_lines(const CompactPlan& plan, TaskApi& api, duckdb::Engine& engine,
                                const WorkFolder& work) {
  WEIR_TRY(const std::vector<Column> columns, columns_of(plan.source->columns));
  const auto cursor = std::ranges::find(columns, plan.cursor_column, &Column::name);
  if (cursor == columns.end()) return cursor_unsuitable(plan.cursor_column);
  WEIR_TRY(const auto file,
           fetch_rows(plan, api, RowsFormat::JsonLines, work.file("source.jsonl")));
  FileBytes bytes(file.number());
  const auto reader = read_json_lines(bytes, plan.source->relation, columns);
  WEIR_CHECK(load_table(engine, kTable, columns, *reader));
  WEIR_TRY(auto expression,
           cursor_expression(cursor->name, cursor->type == CellType::Timestamptz
                                               ? "TIMESTAMP WITH TIME ZONE"
                                               : duckdb::sql_type(engine_type(cursor->type))));
  return LoadedSource{.table = std::string(kTable),
                      .cursor = std::move(expression),
                      .columns = select_list(columns),
                      .schema_hash = schema_hash(columns)};
}

}  // namespace

Result<LoadedSource> load_source(const CompactPlan& plan, const OperatorContext& context,
                                 duckdb::Engine& engine, const WorkFolder& work,
                                 storage::ObjectStore& store) {
  if (plan.source->partitions) return load_commits(plan, engine, work, store);
  if (!plan.source->columns.empty()) return load_lines(plan, context.api, engine, work);
  const std::string path = work.file("source.parquet");
  WEIR_TRY(const auto file, fetch_rows(plan, context.api, RowsFormat::Parquet, path));
  return load_files(plan, engine, {path});
}

}  // namespace weir::operators
