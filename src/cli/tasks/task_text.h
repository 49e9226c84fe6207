// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/tasks/dag_text.h"
#include "cli/tasks/json_cells.h"

/// What people read of tasks and datasets, out of the bodies of contract section 3.5.
namespace weir::cli {

std::string task_list_text(const JsonTree& body);
/// A task with its attempts, without a log.
std::string task_text(const JsonTree& body);
/// `{task_id, state}`.
std::string task_state_text(const JsonTree& body);

/// How the tasks of a list stand, by job in the order they first appear.
std::vector<JobCounts> counts_of_tasks(const JsonTree& tasks);
/// True while any of them may still run.
bool any_open(const std::vector<JobCounts>& jobs);

std::string dataset_list_text(const JsonTree& body);
std::string dataset_text(const JsonTree& body);
std::string dataset_versions_text(const JsonTree& body);
std::string dataset_partitions_text(const JsonTree& body);
/// Rows in the form of section 3.6.
std::string query_rows_text(const JsonTree& body);

}  // namespace weir::cli
