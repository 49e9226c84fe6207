// SPDX-License-Identifier: Apache-2.0
#include "cli/tasks/task_text.h"

#include <algorithm>

#include "cli/console/text_table.h"

namespace weir::cli {
namespace {

std::string scope_cell(const JsonTree& scope) {
  for (const char* name : {"partition_key", "cursor", "cursor_to"}) {
    const JsonTree& value = at(scope, {name});
    if (!value.is_null()) return cell(value);
  }
  return scope.is_object() && scope.empty() ? "-" : cell(scope);
}

std::string error_cell(const JsonTree& error) {
  if (!error.is_object()) return cell(error);
  const std::string message = cell(error, {"message"});
  return cell(error, {"code"}) + (message == "-" ? "" : ": " + message);
}

}  // namespace

std::string task_list_text(const JsonTree& body) {
  TextTable table({{"task"},
                   {"dag"},
                   {"job"},
                   {"state"},
                   {"class"},
                   {"attempt", Align::Right},
                   {"scope"},
                   {"created"},
                   {"error"}});
  for (const JsonTree& task : list_at(body, {"items"})) {
    const std::string error = error_cell(at(task, {"last_error"}));
    table.add({cell(task, {"task_id"}), cell(task, {"dag"}), cell(task, {"job"}),
               cell(task, {"state"}), cell(task, {"class"}), cell(task, {"attempt"}),
               scope_cell(at(task, {"scope"})), cell(task, {"created_at"}),
               error == "-" ? "" : error});
  }
  return table.empty() ? "No task.\n" : table.text();
}

std::string task_text(const JsonTree& body) {
  std::string text = "task      " + cell(body, {"task_id"}) + "\n" + "job       " +
                     cell(body, {"dag"}) + "/" + cell(body, {"job"}) + " (" + cell(body, {"kind"}) +
                     ", " + cell(body, {"class"}) + ")\n" + "state     " + cell(body, {"state"}) +
                     "\n" + "scope     " + scope_cell(at(body, {"scope"})) + "\n" + "created   " +
                     cell(body, {"created_at"}) + "\n";
  const auto line = [&](const char* title, std::initializer_list<const char*> path) {
    const std::string value = cell(body, path);
    if (value != "-") text += title + value + "\n";
  };
  line("started   ", {"started_at"});
  line("finished  ", {"finished_at"});
  line("retry at  ", {"next_retry_at"});
  line("canceled  ", {"cancel_reason"});
  line("trigger   ", {"trigger", "event_id"});
  line("root      ", {"root_event_id"});
  line("result    ", {"result"});
  TextTable table({{"attempt", Align::Right},
                   {"state"},
                   {"outcome"},
                   {"worker"},
                   {"started"},
                   {"ended"},
                   {"error"}});
  for (const JsonTree& attempt : list_at(body, {"attempts"})) {
    const std::string error = error_cell(at(attempt, {"error"}));
    table.add({cell(attempt, {"attempt"}), cell(attempt, {"state"}), cell(attempt, {"outcome"}),
               cell(attempt, {"worker_id"}), cell(attempt, {"started_at"}),
               cell(attempt, {"ended_at"}), error == "-" ? "" : error});
  }
  return table.empty() ? text : text + "\n" + table.text();
}

std::string task_state_text(const JsonTree& body) {
  return "Task " + cell(body, {"task_id"}) + " is " + cell(body, {"state"}) + ".\n";
}

std::vector<JobCounts> counts_of_tasks(const JsonTree& tasks) {
  std::vector<JobCounts> jobs;
  for (const JsonTree& task : tasks) {
    const std::string job = cell(task, {"job"});
    auto found = std::ranges::find(jobs, job, &JobCounts::job);
    if (found == jobs.end()) found = jobs.insert(jobs.end(), JobCounts{.job = job});
    const std::string state = cell(task, {"state"});
    if (state == "queued") ++found->queued;
    if (state == "running") ++found->running;
    if (state == "retry_wait") ++found->retry_wait;
    if (state == "completed") ++found->done;
    if (state == "failed") ++found->failed;
    if (state == "canceled") ++found->canceled;
  }
  return jobs;
}

bool any_open(const std::vector<JobCounts>& jobs) {
  return std::ranges::any_of(jobs, [](const JobCounts& job) { return job.open() > 0; });
}

std::string dataset_list_text(const JsonTree& body) {
  TextTable table({{"dataset"},
                   {"kind"},
                   {"owner"},
                   {"rows", Align::Right},
                   {"size", Align::Right},
                   {"events", Align::Right},
                   {"max cursor", Align::Right},
                   {"newest", Align::Right},
                   {"gaps", Align::Right}});
  for (const JsonTree& dataset : list_at(body, {"items"})) {
    table.add({cell(dataset, {"dataset_id"}), cell(dataset, {"kind"}),
               cell(dataset, {"owner", "dag"}) + "/" + cell(dataset, {"owner", "job"}),
               count_cell(at(dataset, {"rows"})), bytes_cell(at(dataset, {"bytes"})),
               count_cell(at(dataset, {"last_seq"})), cell(dataset, {"max_cursor"}),
               span_cell(at(dataset, {"freshness_lag_ms"})), count_cell(at(dataset, {"gaps"}))});
  }
  return table.empty() ? "No dataset is published.\n" : table.text();
}

std::string dataset_text(const JsonTree& body) {
  std::string text =
      "dataset     " + cell(body, {"dataset_id"}) + "\n" + "kind        " + cell(body, {"kind"}) +
      "\n" + "owner       " + cell(body, {"owner", "dag"}) + "/" + cell(body, {"owner", "job"}) +
      " output " + cell(body, {"owner", "output"}) + "\n" + "version     " +
      cell(body, {"current", "dataset_version"}) + "\n" + "generation  " +
      cell(body, {"current", "generation"}) + "\n" + "rows        " +
      count_cell(at(body, {"rows"})) + "\n" + "size        " + bytes_cell(at(body, {"bytes"})) +
      "\n" + "events      " + count_cell(at(body, {"last_seq"})) + "\n" + "max cursor  " +
      cell(body, {"max_cursor"}) + "\n" + "newest      " +
      span_cell(at(body, {"freshness_lag_ms"})) + "\n" + "gaps        " +
      count_cell(at(body, {"gaps"})) + "\n" + "stale       " + cell(body, {"stale_upstream"}) +
      "\n";
  TextTable table({{"column"}, {"type"}, {"nullable"}});
  for (const JsonTree& column : list_at(body, {"schema", "columns"})) {
    table.add({cell(column, {"name"}), cell(column, {"type"}), cell(column, {"nullable"})});
  }
  return table.empty() ? text : text + "\n" + table.text();
}

std::string dataset_versions_text(const JsonTree& body) {
  TextTable table({{"version"},
                   {"kind"},
                   {"state"},
                   {"rows", Align::Right},
                   {"size", Align::Right},
                   {"events", Align::Right},
                   {"created"},
                   {"in use"}});
  for (const JsonTree& version : list_at(body, {"items"})) {
    std::string uses;
    for (const JsonTree& use : list_at(version, {"in_use"})) {
      uses += (uses.empty() ? "" : ", ") + cell(use);
    }
    table.add({cell(version, {"dataset_version"}), cell(version, {"kind"}),
               cell(version, {"state"}), count_cell(at(version, {"rows"})),
               bytes_cell(at(version, {"bytes"})), count_cell(at(version, {"last_seq"})),
               cell(version, {"created_at"}), uses});
  }
  return table.text();
}

std::string dataset_partitions_text(const JsonTree& body) {
  TextTable table({{"partition"},
                   {"revision", Align::Right},
                   {"start", Align::Right},
                   {"end", Align::Right},
                   {"rows", Align::Right},
                   {"size", Align::Right},
                   {"committed"},
                   {"task"}});
  for (const JsonTree& partition : list_at(body, {"items"})) {
    table.add({cell(partition, {"partition_key"}), cell(partition, {"revision"}),
               cell(partition, {"start"}), cell(partition, {"end"}),
               count_cell(at(partition, {"rows"})), bytes_cell(at(partition, {"bytes"})),
               cell(partition, {"committed_at"}), cell(partition, {"task_id"})});
  }
  return table.empty() ? "No partition is committed.\n" : table.text();
}

std::string query_rows_text(const JsonTree& body) {
  std::vector<TableColumn> columns;
  const JsonTree& rows = list_at(body, {"rows"});
  std::size_t place = 0;
  for (const JsonTree& column : list_at(body, {"columns"})) {
    const bool numbers = std::ranges::all_of(rows, [place](const JsonTree& row) {
      return row.is_array() && place < row.size() &&
             (row[place].is_number() || row[place].is_null());
    });
    columns.push_back(
        {cell(column, {"name"}), numbers && !rows.empty() ? Align::Right : Align::Left});
    ++place;
  }
  TextTable table(columns);
  for (const JsonTree& row : rows) {
    std::vector<std::string> cells;
    for (const JsonTree& value : row) cells.push_back(cell(value));
    table.add(std::move(cells));
  }
  return table.text();
}

}  // namespace weir::cli
