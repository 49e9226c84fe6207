// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/tasks/plane.h"

/// Measures on a running `weir up`, with its real dispatcher, worker and children.
namespace weir::bench {

/// The operators of all measures, for `operators.json`.
std::string operators_json(const std::string& clock_file);

/// Children that do nothing, started and waited for without any control plane, `threads` at once;
/// a second.
Result<double> bare_spawn_rate(std::size_t children, std::size_t threads);

/// Of which jobs the tasks of a backlog are.
enum class Backlog : std::uint8_t {
  OneJob,       ///< of one: a range that is worked off in chunks
  HundredJobs,  ///< of a hundred, in turns: each event is one task of each
};
/// Tasks that are a child each, a backlog of them until the last completion; a second. `tasks` in
/// whole thousands.
Result<double> child_task_rate(Plane& plane, Backlog backlog, std::size_t tasks);

struct StartTimes {
  double p50 = 0;  ///< milliseconds from the acceptance of the event to the start of the child
  double p99 = 0;
};
Result<StartTimes> start_times(Plane& plane, std::size_t runs);

struct Idle {
  double dispatcher_statements = 0;  ///< a second
  double worker_statements = 0;
  double memory = 0;  ///< bytes, dispatcher and worker together
};
Result<Idle> idle(Plane& plane, double seconds);

struct BigDag {
  double validate = 0;    ///< milliseconds, in process
  double deploy = 0;      ///< milliseconds of the whole command
  double statements = 0;  ///< milliseconds of another's statements in PostgreSQL, its transaction's
                          ///< and the reads before it
};
Result<BigDag> big_dag(Plane& plane, std::size_t jobs);

}  // namespace weir::bench
