// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/duckdb/engine.h"
#include "operators/tables/columns.h"
#include "operators/tables/row_reader.h"

/// Tables of the engine, filled with rows and written to parquet files.
namespace weir::operators {

/// Makes the table of these columns; what fills it.
Result<std::unique_ptr<duckdb::TableWriter>> make_table(duckdb::Engine& engine,
                                                        std::string_view table,
                                                        const std::vector<Column>& columns);
/// A row as the engine takes it. Fatal `value_unfit` of a value that has no place there, naming its
/// column.
Result<void> convert_row(const std::vector<Column>& columns, const Row& row, Row& into);
/// Makes a table and fills it with all rows of a reader; how many there are.
Result<std::int64_t> load_table(duckdb::Engine& engine, std::string_view table,
                                const std::vector<Column>& columns, RowReader& reader);

/// The columns of such a table as a list of a SELECT, jsonb as JSON.
std::string select_list(const std::vector<Column>& columns);
/// Writes what a SELECT gives to a parquet file, which stands where the engine may write.
Result<void> write_parquet(duckdb::Engine& engine, const std::string& select,
                           const std::string& path);

}  // namespace weir::operators
