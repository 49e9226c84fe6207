// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace weir::graph {

/// What the public SDK makes of a value where it wants text (contract section 2.1): a number's
/// digits, "True", "False", "None" for null, empty for what is missing. Nothing for lists and
/// objects, which no text field takes.
std::optional<std::string> scalar_text(JsonValue value);

/// Empty for null, false, 0, empty text and what is missing, else as scalar_text.
std::optional<std::string> scalar_text_or_empty(JsonValue value);

/// True where scalar_text_or_empty gives empty text.
bool is_blank(JsonValue value);

enum class IntegerState : std::uint8_t { Ok, NotAnInteger, OutOfRange };

/// An interval, period or bucket as contract section 2.1 reads it: missing, null and empty count
/// as 0, text is trimmed and read as decimal, a double is cut toward zero.
struct IntegerReading {
  std::int64_t value = 0;
  IntegerState state = IntegerState::Ok;
};
IntegerReading read_integer(JsonValue value);

/// True for a list, null, and what is missing: the shapes `inputs` and the like may have.
bool is_list_or_null(JsonValue value);

/// The fields of a node object that mean something to the DAG manager; of a repeated key the last.
struct NodeFields {
  JsonValue node;  ///< the object itself
  JsonValue node_id, node_type, code_hash, schema_hash, schema_compat_id, schema_id, config_hash;
  JsonValue interval, period, tags, inputs, dependencies, params, config, match_mode;
  JsonValue bucket, name, artifacts, global;
};
NodeFields node_fields(JsonValue node);

/// True if the node type is exactly "VersionSentinel" (contract section 3.3).
bool is_sentinel(const NodeFields& fields);

/// The list a node's dependencies come from: `inputs` if it is a list with anything in it, else
/// `dependencies`; its name is the value's key.
JsonValue dependency_list(const NodeFields& fields);

/// One dependency as written: null and empty text dropped, other scalars turned into text.
struct Dependency {
  std::string id;
  std::uint32_t index = 0;  ///< in the list
};
std::vector<Dependency> read_dependencies(JsonValue list);

}  // namespace weir::graph
