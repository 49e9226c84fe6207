// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/duckdb/engine.h"
#include "operators/tables/columns.h"
#include "operators/tables/lines_file.h"
#include "operators/tables/work_folder.h"
#include "operators/task_api.h"
#include "storage/commit_writer.h"

/// Where rows go: parquet files of a commit, or the rows of a `direct` output (contract
/// sections 6.7 and 6.19).
namespace weir::operators {

/// Port: takes rows one by one. Used by one thread.
class RowWriter {
 public:
  virtual ~RowWriter() = default;
  /// Fatal `value_unfit` of a value that has no place there, naming its column.
  virtual Result<void> add(const Row& row) = 0;
  virtual std::int64_t rows() const = 0;
};

/// A scope of a commit as the names of its files tell it.
struct PartNames {
  std::optional<CursorRange> range = {};
  /// `part_<start>_<end>_<n>.parquet`, or `part_<n>.parquet` without a range.
  std::string name(std::size_t number) const;
};

/// Puts parquet files of at most `rows_per_file` rows into a commit. The engine may write into
/// `work`. All must outlive it.
class ParquetParts final : public RowWriter {
 public:
  static Result<std::unique_ptr<ParquetParts>> open(duckdb::Engine& engine, const WorkFolder& work,
                                                    storage::CommitWriter& commit,
                                                    std::vector<Column> columns, PartNames names,
                                                    std::int64_t rows_per_file);
  Result<void> add(const Row& row) override;
  std::int64_t rows() const override { return rows_; }
  /// Writes the last file and the commit.
  Result<storage::CommitNamed> finish();

 private:
  ParquetParts(duckdb::Engine& engine, const WorkFolder& work, storage::CommitWriter& commit,
               std::vector<Column> columns, PartNames names, std::int64_t rows_per_file);
  Result<void> write_part();

  duckdb::Engine& engine_;
  const WorkFolder& work_;
  storage::CommitWriter& commit_;
  const std::vector<Column> columns_;
  const PartNames names_;
  const std::int64_t rows_per_file_;
  std::unique_ptr<duckdb::TableWriter> table_;
  Row converted_;
  std::int64_t rows_ = 0;
  std::int64_t open_rows_ = 0;
  std::size_t parts_ = 0;
};

/// Writes what a SELECT gives to a parquet file and puts that into a commit.
Result<void> put_part(duckdb::Engine& engine, const WorkFolder& work, storage::CommitWriter& commit,
                      const std::string& select, const std::string& name, std::int64_t rows);

/// Gathers JSON lines in a file, which is sent at the end. `work` and `api` must outlive it.
class DirectRows final : public RowWriter {
 public:
  static Result<std::unique_ptr<DirectRows>> open(const WorkFolder& work,
                                                  std::vector<Column> columns);
  Result<void> add(const Row& row) override { return lines_.add(row); }
  std::int64_t rows() const override { return lines_.rows(); }
  Result<RowsWritten> finish(TaskApi& api, const RowsTarget& target);

 private:
  explicit DirectRows(LinesFile lines) : lines_(std::move(lines)) {}

  LinesFile lines_;
};

}  // namespace weir::operators
