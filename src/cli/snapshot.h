// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

/// A DAG file's snapshot (contract section 4): a hash over its JSON that tells whether it changed.
namespace weir::cli {

struct DagSnapshot {
  std::string hash;    ///< SHA-256 hex over JSON with sorted keys and all non-ASCII escaped
  std::string frozen;  ///< text of the snapshot file: `dag` and `dag_hash`, indent 2, sorted keys
};

/// INVALID_ARGUMENT with the parser's words if the text is not JSON (or base64 of it).
Result<DagSnapshot> make_snapshot(std::string_view dag_text);

/// `dag_hash` of a snapshot file. INVALID_ARGUMENT `snapshot_invalid` if it has none.
Result<std::string> snapshot_hash(std::string_view snapshot_text);

}  // namespace weir::cli
