// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/duckdb/engine.h"
#include "operators/tables/row_reader.h"

namespace weir::operators {

/// Rows of a parquet file, by the names of its columns, with lossless conversions only: integers to
/// bigint, numeric and (up to 32 bits) double; float to double; decimals to numeric; text to jsonb
/// where it is JSON. `path` stands where the engine may read; `file` is its name in faults.
/// `columns` and `engine` must outlive the reader.
Result<std::unique_ptr<RowReader>> read_parquet(duckdb::Engine& engine, const std::string& path,
                                                std::string file,
                                                const std::vector<Column>& columns);

}  // namespace weir::operators
