// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dagmanager.pb.h"

namespace weir::cli {

namespace wire = qmtl::services::dagmanager;

/// The runs of a backtest command's report (contract section 3.23):
/// `{"runs":[{"name":…,"passed":…,"detail":…}]}`. Each bears the hash of the whole report's bytes,
/// `blake3:<hex>`, so that who keeps the report can show it later.
///
/// FAILED_PRECONDITION `backtests_failed`: it is no such report, a run did not pass, a name is
/// empty, or fewer than `runs_min` different names passed. A name that is said twice counts once.
Result<std::vector<wire::Backtest>> read_backtests(std::string_view report, std::size_t runs_min);

/// The fault of backtests that do not let a candidate pass.
inline constexpr const char* kBacktestsFailed = "backtests_failed";
Error backtests_failed(const std::string& why);

}  // namespace weir::cli
