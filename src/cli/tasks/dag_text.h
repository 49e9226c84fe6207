// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/tasks/json_cells.h"

/// What people read of a DAG, out of the bodies of contract sections 3.5, 3.5.1, A.5 and A.6.
namespace weir::cli {

std::string dag_list_text(const JsonTree& body);
std::string dag_text(const JsonTree& body);
std::string dag_versions_text(const JsonTree& body);
std::string dag_graph_text(const JsonTree& body);

/// Action and reason of each job, and how many of each in the last line. `warnings` as the route
/// gave them.
std::string plan_jobs_text(const JsonTree& plan, const JsonTree& warnings);
/// What became of a deploy's request: version, whether it is new, state.
std::string deploy_text(const std::string& dag, const JsonTree& body);

/// How a job's tasks stand in a graph.
struct JobCounts {
  std::string job = {};
  std::string activation = {};  ///< `source` or `reactive`
  std::int64_t queued = 0;
  std::int64_t running = 0;
  std::int64_t retry_wait = 0;
  std::int64_t done = 0;
  std::int64_t failed = 0;
  std::int64_t canceled = 0;
  std::optional<std::int64_t> rows = {};  ///< of all its outputs; nothing: not counted

  std::int64_t open() const { return queued + running + retry_wait; }
  friend bool operator==(const JobCounts&, const JobCounts&) = default;
};
std::vector<JobCounts> job_counts(const JsonTree& graph);

/// The live view: a line a job, the busiest `lines_max`, and a sum.
std::string job_counts_text(const std::vector<JobCounts>& jobs, std::size_t lines_max);
/// The sum alone: "3 queued, 1 running, 12 done, 0 failed".
std::string job_counts_line(const std::vector<JobCounts>& jobs);

}  // namespace weir::cli
