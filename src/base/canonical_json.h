// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"

namespace weir::base {

/// Decides which object members leave no trace in the canonical form; sees the decoded key.
using KeyFilter = bool (*)(std::string_view key);

/// Appends the canonical JSON of `value` (contract section 2.3): sorted keys, no blanks, integers
/// with all their digits, doubles with the shortest digits that read back, raw text. Members whose
/// key `drop` accepts vanish at every depth (section 2.2). Of a repeated key the last counts.
void append_canonical_json(std::string& out, JsonValue value, KeyFilter drop = nullptr);
std::string canonical_json(JsonValue value, KeyFilter drop = nullptr);

/// Canonical text of a number token as written in JSON (section 2.3).
void append_canonical_number(std::string& out, std::string_view token);

/// JSON with sorted keys, separators `,` and `:`, numbers canonical, all non-ASCII escaped as
/// `\uxxxx` (the snapshot hash, section 4). With `indent` > 0: pretty, one member a line.
std::string ascii_json(JsonValue value, int indent = 0);

}  // namespace weir::base
