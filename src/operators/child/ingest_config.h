// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "operators/tables/columns.h"
#include "operators/tables/row_reader.h"
#include "operators/task_payload.h"

namespace weir::operators {

enum class SourceFormat : std::uint8_t { Csv, JsonLines, Parquet };
/// What to do where no file matches.
enum class Missing : std::uint8_t { Fail, Empty };

/// `config` of a table_ingest (contract section 2.6).
struct IngestConfig {
  std::string path;
  std::string root = "default";
  SourceFormat format = SourceFormat::Csv;
  std::vector<Column> columns = {};
  std::string cursor_column = {};  ///< empty: none
  CsvDialect dialect = {};
  Missing missing = Missing::Fail;

  /// Fatal `config_invalid`.
  static Result<IngestConfig> parse(const TaskPayload& payload);

  /// Whether the emitted cursor is the column's greatest value.
  bool feeds_cursors() const { return !cursor_column.empty(); }
};

}  // namespace weir::operators
