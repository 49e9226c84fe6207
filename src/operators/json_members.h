// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "operators/task_payload.h"

/// Members of JSON objects by type. A wrong one is INVALID_ARGUMENT `payload_invalid`, which names
/// it.
namespace weir::operators {

Error member_invalid(std::string_view name, std::string_view must);

/// Nothing where the member is missing or null.
Result<std::optional<std::string>> optional_text(JsonValue object, std::string_view name);
Result<std::optional<std::int64_t>> optional_whole(JsonValue object, std::string_view name);
Result<std::optional<bool>> optional_bool(JsonValue object, std::string_view name);
/// An object as it is written, `missing` where there is none.
Result<std::optional<JsonText>> optional_object(JsonValue object, std::string_view name);

Result<std::string> needed_text(JsonValue object, std::string_view name);
Result<std::int64_t> needed_whole(JsonValue object, std::string_view name);
Result<Uuid> needed_uuid(JsonValue object, std::string_view name);

/// The list `columns` of an object; none where it is missing or null.
Result<std::vector<ColumnSpec>> read_column_specs(JsonValue owner);

/// An integer token in the range of int64.
std::optional<std::int64_t> whole_of(std::string_view token);

/// The value's JSON without blanks, numbers and order as written.
void append_json(std::string& out, JsonValue value);
JsonText json_of(JsonValue value);

/// A config: its root is an object. The document must outlive the value.
Result<JsonDocument> parse_object(std::string_view json, std::string_view name);

}  // namespace weir::operators
