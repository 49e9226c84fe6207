// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "graph/task_ids.h"

namespace weir::worker {

/// The types of columns (contract section 2.7).
enum class ColumnType : std::uint8_t {
  Text,
  Bigint,
  Double,
  Boolean,
  Numeric,
  Timestamptz,
  Date,
  Uuid,
  Jsonb,
  Bytea,
};

/// A type's name in `schema.columns`.
std::string_view type_word(ColumnType type);
/// PostgreSQL's name of a type, for casts.
std::string_view sql_type(ColumnType type);

struct Column {
  std::string name;
  ColumnType type = ColumnType::Text;
  bool nullable = false;
};

/// The table of a dataset's version: `data.d_<its id without dashes>`.
struct TableShape {
  std::string table;             ///< with its schema, safe in SQL
  std::vector<Column> columns;   ///< the declared ones, in their order
  std::vector<std::string> key;  ///< columns of the unique index; none: rows have no key

  const Column* column(std::string_view name) const;
};

/// A column's name as SQL has it.
std::string quoted_name(std::string_view column);

/// Reads a table's shape. FAILED_PRECONDITION `not_supported` if the version has no table; else
/// errors of the connection.
Result<TableShape> read_table_shape(postgres::Connection& connection,
                                    const graph::DatasetVersionId& version);

}  // namespace weir::worker
