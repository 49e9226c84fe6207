// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dispatcher/ports/database/postgres_auditor.h"

namespace weir::postgres {
class Pool;
}

/// Slow work on the task plane's database (contract sections 6.5, 6.20 and 5.7): finished tasks
/// move to history, what is past its time goes, counters are recounted, invariants counted. Safe in
/// every replica at once; killed between two pages, the next run goes on.
namespace weir::dispatcher {

/// How long a finished task stays where it can be retried.
inline constexpr Duration kCompletedKept = std::chrono::hours(24);
inline constexpr Duration kFailedKept = std::chrono::hours(24 * 30);
inline constexpr Duration kControlEventsKept = std::chrono::hours(24);
inline constexpr int kHistoryPage = 1000;

/// Where the counters of a build and queue were wrong.
struct Recounted {
  std::string build;
  std::string queue;
};

class PostgresHousekeeping {
 public:
  /// `pool` outlives it; its sessions work as role weir_dispatcher. `data` is the pool on the
  /// server of schema `data`.
  PostgresHousekeeping(postgres::Pool& pool, postgres::Pool& data) : pool_(pool), data_(data) {}

  /// Moves at most kHistoryPage finished tasks of open builds, their attempts folded in, in one
  /// transaction; gives how many.
  Result<std::size_t> move_history();
  /// Removes lapsed pins and kept answers, control events past kControlEventsKept and sent rows of
  /// the outbox past kOutboxSentKept; a page each, gives how many.
  Result<std::size_t> remove_expired();
  /// Compares sums and rows in one snapshot and adds the differences; gives where there were any.
  Result<std::vector<Recounted>> recount();
  /// The queries of appendix D.
  Result<std::vector<AuditCount>> audit();

 private:
  postgres::Pool& pool_;
  postgres::Pool& data_;
};

/// Rows of the outbox that were sent are kept this long, for whoever asks what became of one.
inline constexpr Duration kOutboxSentKept = std::chrono::hours(1);

}  // namespace weir::dispatcher
