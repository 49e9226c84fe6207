// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cli/promote/backtest_report.h"
#include "dagmanager/dagmanager_config.h"

namespace weir::cli {

/// What backtests are run of.
struct BacktestSubject {
  std::string dag_json;
  std::string node_set;
};

/// Runs the backtest command (contract section 3.23) in an empty folder that is gone afterwards,
/// with WEIR_DAG_FILE, WEIR_NODE_SET and WEIR_REPORT in its environment; what it prints goes to
/// standard error. At the time-out, and when it has ended, its whole process group is killed, so
/// nothing of it goes on; where this process is told to end meanwhile (SIGINT, SIGTERM, SIGHUP) the
/// group goes first. One at a time.
///
/// Gives the runs of its report. FAILED_PRECONDITION `backtests_failed`: no command is configured,
/// it cannot be started or ended otherwise than with 0 in time, it left no report, or what
/// read_backtests says. UNAVAILABLE where there is no place for its files.
Result<std::vector<wire::Backtest>> run_backtests(const dagmanager::BacktestHook& hook,
                                                  const BacktestSubject& subject);

}  // namespace weir::cli
