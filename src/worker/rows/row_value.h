// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "worker/rows/table_shape.h"

namespace weir::worker {

/// The text of a value that PostgreSQL casts to the column's type; nothing if it is no value of
/// that type. The value is not null.
std::optional<std::string> row_value(ColumnType type, JsonValue value);

/// The type in words: "needs a whole number", for people.
std::string_view what_it_needs(ColumnType type);

}  // namespace weir::worker
