// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "operators/child/run_operator.h"

namespace weir::operators {

/// What `weir operator` is called with for it.
inline constexpr std::string_view kConvertRows = "convert_rows";

/// Rows from JSON Lines into a parquet file, or back: what the task API takes and gives of tables
/// (contract section 3.4), in a process that ends with it. Stdin: `{"to":"parquet"|"jsonl",
/// "input":PATH,"output":PATH,"columns":[{"name","type","nullable"}]}`; both paths stand in the
/// folder of `TMPDIR`, outside of which the engine touches nothing. Last line of output:
/// `{"rows":n}`, or `{"error":{"code","message","line"}}` (`source_invalid` with the line or the
/// row's number, `value_unfit` of a number that no parquet file holds, `source_too_large`). Exit
/// codes as of run_operator.
int run_convert_rows(const OperatorProcess& process);

}  // namespace weir::operators
