// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <utility>

#include "base/crash_point.h"
#include "base/json_line.h"
#include "operators/child/context.h"
#include "operators/child/ingest_config.h"
#include "operators/child/pulse.h"
#include "operators/failure.h"
#include "operators/limits.h"
#include "operators/tables/parquet_reader.h"
#include "operators/tables/row_writer.h"
#include "operators/tables/source_files.h"
#include "operators/tables/source_path.h"

namespace weir::operators {
namespace {

constexpr std::string_view kWholeDataset = "all";  // the partition of a run without one (6.7)

/// A file that was read.
struct FileRead {
  std::string path;
  std::uint64_t size = 0;
  std::string sha256;
  std::int64_t rows = 0;
};

/// What the run is about: a partition, or a cursor.
PathScope scope_of(const TaskPayload& payload) {
  PathScope scope;
  if (payload.trigger) {
    scope.partition_key = payload.trigger->partition_key;
    scope.range = payload.trigger->range;
    scope.cursor = payload.trigger->cursor;
  }
  if (payload.scope.partition_key) scope.partition_key = payload.scope.partition_key;
  if (payload.scope.range) scope.range = payload.scope.range;
  if (!scope.cursor && !scope.partition_key) scope.cursor = payload.scope.cursor_to;
  return scope;
}

/// Reads all files of a run into a writer.
class Ingest {
 public:
  Ingest(const OperatorContext& context, const IngestConfig& config, const WorkFolder& work)
      : context_(context), config_(config), work_(work), pulse_(context) {
    const auto column = std::ranges::find(config_.columns, config_.cursor_column, &Column::name);
    if (column != config_.columns.end()) {
      cursor_at_ = static_cast<std::size_t>(column - config_.columns.begin());
    }
  }

  Result<SourceFiles> find() const {
    const auto root = context_.surroundings.ingest_roots.find(config_.root);
    if (root == context_.surroundings.ingest_roots.end()) {
      return fatal_error("root_missing", "there is no ingest root " + config_.root);
    }
    WEIR_TRY(const std::string path, fill_path(config_.path, scope_of(context_.payload)));
    WEIR_TRY(auto found, SourceFiles::find(root->second, path));
    if (found.files().empty() && config_.missing == Missing::Fail) {
      return retryable_error("source_missing", "no file matches " + path);
    }
    return found;
  }

  Result<void> read(const SourceFiles& files, RowWriter& into, duckdb::Engine* engine) {
    for (const SourceFile& file : files.files()) {
      WEIR_CHECK(read_file(files, file, into, engine));
      const double part =
          static_cast<double>(read_.size()) / static_cast<double>(files.files().size());
      if (pulse_.beat({.fraction = part, .message = file.path}).canceled) {
        return retryable_error("canceled", "the run was stopped");
      }
    }
    return {};
  }

  const std::vector<FileRead>& files() const { return read_; }
  /// The greatest value of the cursor column, if there are rows.
  std::optional<std::int64_t> greatest() const { return greatest_; }

 private:
  Result<void> read_file(const SourceFiles& files, const SourceFile& file, RowWriter& into,
                         duckdb::Engine* engine) {
    WEIR_TRY(const auto descriptor, files.open(file));
    FileBytes bytes(descriptor.number());
    const std::int64_t before = into.rows();
    WEIR_TRY(const auto reader, reader_of(bytes, file, engine));
    WEIR_CHECK(pump(*reader, file, into));
    WEIR_CHECK(check_unchanged(file, descriptor.number()));
    if (bytes.count() != file.look.size) {
      return retryable_error("source_changed", file.path + " changed while it was read");
    }
    read_.push_back({.path = file.path,
                     .size = bytes.count(),
                     .sha256 = bytes.sha256(),
                     .rows = into.rows() - before});
    return {};
  }

  Result<std::unique_ptr<RowReader>> reader_of(FileBytes& bytes, const SourceFile& file,
                                               duckdb::Engine* engine) {
    switch (config_.format) {
      case SourceFormat::Csv:
        return read_csv(bytes, file.path, config_.dialect, config_.columns);
      case SourceFormat::JsonLines:
        return read_json_lines(bytes, file.path, config_.columns);
      case SourceFormat::Parquet:
        break;
    }
    // The engine reads a copy: what it opens is what was checked, and cannot change under it.
    const std::string copy = work_.file("source.parquet");
    WEIR_TRY(const auto to, make_file(copy));
    for (;;) {
      WEIR_TRY(const std::string_view piece, bytes.next());
      if (piece.empty()) break;
      WEIR_CHECK(append_bytes(to.number(), piece));
    }
    return read_parquet(*engine, copy, file.path, config_.columns);
  }

  Result<void> pump(RowReader& reader, const SourceFile& file, RowWriter& into) {
    Row row;
    for (;;) {
      WEIR_TRY(const bool more, reader.next(row));
      if (!more) return {};
      if (cursor_at_) note_cursor(row[*cursor_at_]);
      if (auto added = into.add(row); !added.ok()) {
        if (added.error().reason() != "value_unfit") return std::move(added).error();
        return source_invalid(file.path, reader.line(), added.error().message());
      }
    }
  }

  void note_cursor(const Value& value) {
    const auto cursor = cursor_of_cell(config_.columns[*cursor_at_].type, value);
    if (cursor && (!greatest_ || *cursor > *greatest_)) greatest_ = cursor;
  }

  const OperatorContext& context_;
  const IngestConfig& config_;
  const WorkFolder& work_;
  Pulse pulse_;
  std::optional<std::size_t> cursor_at_;
  std::optional<std::int64_t> greatest_;
  std::vector<FileRead> read_;
};

JsonText result_of(const std::vector<FileRead>& files, std::int64_t rows) {
  // Long names may make fewer than 64 files fit.
  for (std::size_t named = std::min(files.size(), kResultFilesMax);; --named) {
    std::string text;
    JsonLine line(text);
    line.number("rows", rows).key("files");
    text += '[';
    for (std::size_t i = 0; i < named; ++i) {
      if (i > 0) text += ',';
      JsonLine file(text);
      file.text("path", files[i].path).number("size", files[i].size);
      file.text("sha256", files[i].sha256).number("rows", files[i].rows).end();
    }
    text += ']';
    line.number("files_total", files.size()).end();
    if (text.size() <= kResultBytesMax || named == 0) return text;
  }
}

/// The event of the run's scope.
EmittedEvent event_of(const PathScope& scope, bool replace) {
  if (scope.partition_key) return {.partition_key = scope.partition_key, .range = scope.range};
  if (replace) return {.partition_key = std::string(kWholeDataset)};
  return {.cursor = scope.cursor};
}

/// Writes a commit of parquet files and emits it.
Result<JsonText> ingest_to_objects(const OperatorContext& context, const IngestConfig& config,
                                   const TaskOutput& output) {
  WEIR_TRY(const WorkFolder work, WorkFolder::make(context.surroundings.work_above));
  Ingest ingest(context, config, work);
  WEIR_TRY(const SourceFiles files, ingest.find());
  WEIR_TRY(const auto store, open_store(context.surroundings, context.random));
  WEIR_TRY(const auto place, staging_of(context.payload, output, *store));
  WEIR_TRY(const auto engine, open_engine(context.surroundings, work.path()));
  EmittedEvent event = event_of(scope_of(context.payload), /*replace=*/true);
  storage::CommitWriter commit(*store, place, *event.partition_key);
  WEIR_TRY(const auto parts, ParquetParts::open(*engine, work, commit, config.columns,
                                                {.range = event.range}, kRowsPerFileMax));
  WEIR_CHECK(ingest.read(files, *parts, engine.get()));
  WEIR_CRASH_POINT("ingest.read");
  WEIR_TRY(event.commit, parts->finish());
  event.output = output.output;
  WEIR_CRASH_POINT("ingest.written");
  WEIR_CHECK(context.api.emit({.events = {std::move(event)}}));
  WEIR_CRASH_POINT("ingest.emitted");
  return result_of(ingest.files(), parts->rows());
}

/// Sends the rows of a `direct` output and emits their scope.
Result<JsonText> ingest_to_table(const OperatorContext& context, const IngestConfig& config,
                                 const TaskOutput& output) {
  WEIR_TRY(const WorkFolder work, WorkFolder::make(context.surroundings.work_above));
  Ingest ingest(context, config, work);
  WEIR_TRY(const SourceFiles files, ingest.find());
  std::unique_ptr<duckdb::Engine> engine;
  if (config.format == SourceFormat::Parquet) {
    WEIR_TRY(engine, open_engine(context.surroundings, work.path()));
  }
  WEIR_TRY(const auto rows, DirectRows::open(work, config.columns));
  WEIR_CHECK(ingest.read(files, *rows, engine.get()));
  WEIR_CRASH_POINT("ingest.read");
  const bool replace = context.payload.update_strategy == "replace";
  EmittedEvent event = event_of(scope_of(context.payload), replace);
  event.output = output.output;
  // Without rows a column has no greatest value, and there is nothing to tell.
  const bool silent = config.feeds_cursors() && rows->rows() == 0;
  if (!silent) {
    WEIR_CHECK(rows->finish(
        context.api,
        {.output = output.output, .partition_key = event.partition_key, .cursor = event.cursor}));
    if (config.feeds_cursors() && event.cursor) event.cursor = Cursor(*ingest.greatest());
    WEIR_CRASH_POINT("ingest.written");
    WEIR_CHECK(context.api.emit({.events = {std::move(event)}}));
    WEIR_CRASH_POINT("ingest.emitted");
  }
  return result_of(ingest.files(), rows->rows());
}

}  // namespace

Result<JsonText> run_table_ingest(const OperatorContext& context) {
  WEIR_TRY(const IngestConfig config, IngestConfig::parse(context.payload));
  const TaskOutput* output = context.payload.output(0);
  if (output == nullptr) return fatal_error("output_missing", "the task has no output");
  const PathScope scope = scope_of(context.payload);
  if (!scope.partition_key && !scope.cursor) {
    return fatal_error("scope_required", "the task covers neither a cursor nor a partition");
  }
  if (output->kind == DatasetKind::Table) return ingest_to_table(context, config, *output);
  if (output->kind != DatasetKind::Parquet) {
    return fatal_error("output_unsuitable", "rows go to objects or to a table");
  }
  if (context.payload.update_strategy == "append") {
    return fatal_error("output_unsuitable", "rows are appended to tables only");
  }
  return ingest_to_objects(context, config, *output);
}

}  // namespace weir::operators
