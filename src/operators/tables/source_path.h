// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "operators/task_payload.h"

/// The `path` of a table_ingest (contract section 6.19). All that is wrong with one is fatal
/// `path_invalid`.
namespace weir::operators {

/// What fills the placeholders of a path: the trigger's scope.
struct PathScope {
  std::optional<std::string> partition_key = {};
  std::optional<CursorRange> range = {};
  std::optional<Cursor> cursor = {};
};

/// Fills `{partition_key}`, `{start}`, `{end}`, `{cursor}` and `{date}`; each value must be of
/// `[A-Za-z0-9._-]{1,128}` and neither `.` nor `..`.
Result<std::string> fill_path(std::string_view path, const PathScope& scope);

/// The segments of a path that was filled: relative, none of them empty, `.` or `..`, no backslash,
/// no control character, a `*` in the last one only.
Result<std::vector<std::string>> path_segments(std::string_view path);

/// Whether a name matches a segment in which `*` stands for any bytes. A name that begins with a
/// point is matched by such a segment only.
bool matches(std::string_view pattern, std::string_view name);

}  // namespace weir::operators
