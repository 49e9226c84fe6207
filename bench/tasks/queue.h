// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/tasks/plane.h"
#include "dispatcher/core/ids.h"
#include "dispatcher/ports/tasks/postgres_task_store.h"
#include "drivers/postgres/pool.h"
#include "server/system_clock.h"

namespace weir::bench {

/// How tasks are run: claimed by one call and completed by another, as wrappers do; or run within
/// the transaction that claims them, as the dispatcher's own executor does.
enum class Way { TwoCalls, InProcess };

/// All tasks were run.
struct Drained {
  double seconds = 0;
  double processor = 0;  ///< seconds of all processors, this process and PostgreSQL together
};

/// How fast tasks go through the store, and how fast the same rows can be written at all.
class QueueBench {
 public:
  /// `plane`: its PostgreSQL runs alone and has the DAG of kQueueDag current. Outlives this.
  static Result<std::unique_ptr<QueueBench>> open(Plane& plane);

  /// Empties the tables and accepts `tasks` events, each of which makes a queued task; seconds. The
  /// tables are then analysed and everything is on disk.
  Result<double> fill(std::size_t tasks);
  /// Claims of 100 and their completions until nothing is queued. Callers share calls of the store,
  /// as those of a dispatcher do (contract section 6.1).
  Result<Drained> drain(std::size_t tasks, Way way);
  /// The same while another session holds a snapshot from before the first claim.
  Result<Drained> drain_held(std::size_t tasks, Way way);
  /// The same row writes by statements alone: no reads, no locks in order, no decisions.
  Result<Drained> write_rows(std::size_t tasks, Way way);

  /// The DAG that is measured: a manual source and one reader.
  static std::string dag();

 private:
  explicit QueueBench(Plane& plane) : plane_(plane) {}
  Result<Drained> measured(std::size_t threads, const std::function<Result<void>(int)>& work);

  Plane& plane_;
  weir::server::SystemClock clock_;
  weir::server::SystemRandom random_;
  std::unique_ptr<postgres::Pool> pool_;
  std::unique_ptr<dispatcher::PostgresTaskStore> store_;
  dispatcher::BuildId source_;
  std::size_t runs_ = 0;
};

}  // namespace weir::bench
