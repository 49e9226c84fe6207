// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "base/json_line.h"
#include "operators/child/compact_source.h"
#include "operators/child/context.h"
#include "operators/child/pulse.h"
#include "operators/failure.h"
#include "operators/limits.h"
#include "operators/tables/row_writer.h"
#include "storage/limits.h"

namespace weir::operators {
namespace {

constexpr std::string_view kEmptySchema = "none";  // of an empty partition without a known source

struct Written {
  storage::CommitNamed commit;
  std::int64_t rows = 0;
  std::int64_t files = 0;
};

/// Sorts the rows of the range and writes them file by file.
Result<Written> write_files(const CompactPlan& plan, const LoadedSource& source,
                            duckdb::Engine& engine, const WorkFolder& work,
                            storage::CommitWriter& commit, Pulse& pulse) {
  // Rows of one cursor keep the order they came in.
  WEIR_CHECK(engine.run("CREATE TABLE sorted AS SELECT " + source.columns + " FROM " +
                        source.table + " WHERE " + source.cursor + " BETWEEN " +
                        std::to_string(plan.range.start) + " AND " +
                        std::to_string(plan.range.end) + " ORDER BY " + source.cursor));
  WEIR_TRY(const auto count, engine.value("SELECT count(*) FROM sorted"));
  Written written;
  written.rows = std::get<std::int64_t>(count);
  written.files = written.rows / plan.rows_per_file + (written.rows % plan.rows_per_file > 0);
  if (written.files > static_cast<std::int64_t>(storage::kManifestObjectsMax)) {
    return fatal_error("too_many_files", std::to_string(written.rows) + " rows would give " +
                                             std::to_string(written.files) +
                                             " files; raise chunk_size");
  }
  const PartNames names{.range = plan.range};
  for (std::int64_t file = 0; file < written.files; ++file) {
    const std::int64_t first = file * plan.rows_per_file;
    const std::int64_t rows = std::min(plan.rows_per_file, written.rows - first);
    WEIR_CHECK(put_part(engine, work, commit,
                        "SELECT * FROM sorted WHERE rowid BETWEEN " + std::to_string(first) +
                            " AND " + std::to_string(first + rows - 1) + " ORDER BY rowid",
                        names.name(static_cast<std::size_t>(file)), rows));
    const double part = static_cast<double>(file + 1) / static_cast<double>(written.files);
    if (pulse.beat({.fraction = part}).canceled) {
      return retryable_error("canceled", "the run was stopped");
    }
  }
  WEIR_TRY(written.commit, commit.finish(source.schema_hash));
  return written;
}

JsonText result_of(const Written& written, std::optional<std::int64_t> deleted) {
  std::string text;
  JsonLine line(text);
  line.number("rows", written.rows).number("files", written.files);
  if (deleted) line.number("deleted", *deleted);
  line.end();
  return text;
}

}  // namespace

Result<JsonText> run_parquet_compact(const OperatorContext& context) {
  const TaskPayload& payload = context.payload;
  WEIR_TRY(const CompactPlan plan, CompactPlan::of(payload));
  const TaskOutput* output = payload.output(0);
  if (output == nullptr) return fatal_error("output_missing", "the task has no output");
  WEIR_CHECK(check_final(plan, context.api));
  WEIR_TRY(const WorkFolder work, WorkFolder::make(context.surroundings.work_above));
  WEIR_TRY(const auto store, open_store(context.surroundings, context.random));
  WEIR_TRY(const auto place, staging_of(payload, *output, *store));
  WEIR_TRY(const auto engine, open_engine(context.surroundings, work.path()));
  Pulse pulse(context);
  WEIR_TRY(const LoadedSource source, load_source(plan, context, *engine, work, *store));
  storage::CommitWriter commit(*store, place, plan.partition_key);
  Written written;
  if (source.table.empty()) {
    WEIR_TRY(written.commit, commit.finish(kEmptySchema));
  } else {
    WEIR_TRY(written, write_files(plan, source, *engine, work, commit, pulse));
  }
  WEIR_CHECK(context.api.emit({.events = {{.output = output->output,
                                           .partition_key = plan.partition_key,
                                           .range = plan.range,
                                           .commit = written.commit}}}));
  std::optional<std::int64_t> deleted;
  if (plan.delete_after) {
    WEIR_TRY(deleted, context.api.delete_rows({.relation = plan.source->relation,
                                               .cursor_column = plan.cursor_column,
                                               .start = plan.range.start,
                                               .end = plan.range.end}));
  }
  return result_of(written, deleted);
}

}  // namespace weir::operators
