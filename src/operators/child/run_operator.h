// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <istream>
#include <optional>
#include <ostream>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"

/// The process of a built-in operator (contract appendix A.3): `weir operator NAME`.
namespace weir::operators {

/// What the process gives its operator. Environment: `TRACE_TASK_API` = `unix:<socket>`,
/// `WEIR_INGEST_ROOTS` = JSON object name → folder, `WEIR_OBJECT_ROOT` = folder,
/// `WEIR_DUCKDB_LIBRARY` = path of libduckdb.so (empty: beside the binary), `TMPDIR`.
struct OperatorProcess {
  std::istream& in;   ///< TaskPayload as JSON
  std::ostream& out;  ///< last line: the result, or `{"error":{"code","message"}}`
  std::ostream& err;  ///< for people
  Clock& clock;
  Random& random;
};

/// Runs the built-in operator of that name to its end and gives the exit code of the process:
/// 0 success, 75 retryable, 64 unknown operator or unusable payload, 65 fatal. SIGTERM ends a
/// source after its last call. `convert_rows` is no operator: convert_rows.h. Call from a process's
/// first thread, once.
int run_operator(std::string_view name, const OperatorProcess& process);

/// Tells people and, on the last line, the completion how a process failed; `line` is of the row at
/// fault, where rows are read. Gives the exit code: 75 if another attempt may help, else 65.
int tell_failure(const OperatorProcess& process, const Error& error,
                 std::optional<std::int64_t> line = std::nullopt);

/// Whether `name` runs in a process of its own.
bool is_child_operator(std::string_view name);

}  // namespace weir::operators
