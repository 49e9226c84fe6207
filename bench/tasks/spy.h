// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "bench/tasks/plane.h"

namespace weir::bench {

struct SpyDay {
  double weir = 0;    ///< seconds from the event to the last completion
  double duckdb = 0;  ///< seconds of a process that is the engine alone: CSV to sorted Parquet
};

/// A day of SPY ticks through a DAG on a running `weir up`: ingested, split, compacted.
Result<SpyDay> spy_day(Plane& plane, std::size_t rounds);

/// What the process of the engine alone does; its exit code. `folder`: where it may write.
int run_duckdb_alone(const std::string& csv, const std::string& folder);

}  // namespace weir::bench
