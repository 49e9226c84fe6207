// SPDX-License-Identifier: Apache-2.0
#include "cli/tasks/dag_text.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "base/text.h"
#include "cli/console/text_table.h"
#include "cli/tasks/api.h"

namespace weir::cli {
namespace {

/// "name: value" lines, the values under each other.
std::string member_lines(const std::vector<std::pair<std::string, std::string>>& members) {
  std::size_t width = 0;
  for (const auto& [name, value] : members) width = std::max(width, name.size());
  std::string text;
  for (const auto& [name, value] : members) {
    text += name;
    text.append(width - name.size() + 2, ' ');
    text += value;
    text += '\n';
  }
  return text;
}

std::string tasks_cell(const JsonTree& tasks) {
  return count_cell(at(tasks, {"queued"})) + " queued, " + count_cell(at(tasks, {"running"})) +
         " running, " + count_cell(at(tasks, {"retry_wait"})) + " to retry, " +
         count_cell(at(tasks, {"failed"})) + " failed";
}

/// Where an input comes from: `job` or `job[1]`, or the name of a dataset.
std::string edge_cell(const JsonTree& edge) {
  std::string text = cell(edge, {"from_dataset_id"});
  if (text == "-") {
    text = cell(edge, {"from_job"});
    const std::int64_t output = number_at(edge, {"from_output"});
    if (output > 0) text += "[" + std::to_string(output) + "]";
  }
  const JsonTree& where = at(edge, {"where"});
  if (where.is_object() && !where.empty()) text += " " + cell(where);
  return text;
}

std::string inputs_cell(const JsonTree& body, const std::string& job) {
  std::string text;
  for (const JsonTree& edge : list_at(body, {"edges"})) {
    if (cell(edge, {"job"}) == job) text += (text.empty() ? "" : ", ") + edge_cell(edge);
  }
  return text;
}

std::string outputs_cell(const JsonTree& node) {
  std::string text;
  for (const JsonTree& output : list_at(node, {"outputs"})) {
    const std::string name = cell(output, {"dataset_id"});
    text += (text.empty() ? "" : ", ") + cell(output, {"kind"});
    if (name != "-") text += " " + name;
  }
  return text;
}

std::string rows_cell(const std::optional<std::int64_t>& rows) {
  return rows ? grouped(*rows) : "-";
}

}  // namespace

std::string dag_list_text(const JsonTree& body) {
  TextTable table({{"dag"},
                   {"version", Align::Right},
                   {"generation", Align::Right},
                   {"queued", Align::Right},
                   {"running", Align::Right},
                   {"retry", Align::Right},
                   {"failed", Align::Right},
                   {"deploy"},
                   {"activated"}});
  for (const JsonTree& dag : list_at(body, {"items"})) {
    const JsonTree& tasks = at(dag, {"tasks"});
    table.add({cell(dag, {"dag"}), cell(dag, {"version_no"}), cell(dag, {"generation"}),
               count_cell(at(tasks, {"queued"})), count_cell(at(tasks, {"running"})),
               count_cell(at(tasks, {"retry_wait"})), count_cell(at(tasks, {"failed"})),
               cell(dag, {"deploy", "state"}), cell(dag, {"activated_at"})});
  }
  return table.empty() ? "No DAG yet: weir dag deploy FILE makes one.\n" : table.text();
}

std::string dag_text(const JsonTree& body) {
  std::string text = member_lines(
      {{"dag", cell(body, {"dag"})},
       {"world", cell(body, {"world"})},
       {"version", cell(body, {"version_no"}) + " of " + cell(body, {"latest_version_no"})},
       {"generation", cell(body, {"generation"})},
       {"activated", cell(body, {"activated_at"})},
       {"deploy", cell(body, {"deploy", "state"})},
       {"tasks", tasks_cell(at(body, {"tasks"}))}});
  const JsonTree& datasets = list_at(body, {"datasets"});
  for (const JsonTree& name : datasets) text += "publishes " + cell(name) + "\n";
  TextTable table({{"job"}, {"activation"}, {"operator"}, {"runtime"}});
  for (const JsonTree& job : list_at(body, {"jobs"})) {
    const std::string source = cell(job, {"source", "kind"});
    const std::string activation = cell(job, {"activation"});
    table.add(
        {cell(job, {"job"}), source == "-" ? activation : base::join({activation, source}, " "),
         cell(job, {"operator"}) + "@" + cell(job, {"operator_version"}), cell(job, {"runtime"})});
  }
  return table.empty() ? text : text + "\n" + table.text();
}

std::string dag_versions_text(const JsonTree& body) {
  TextTable table({{"version", Align::Right}, {"state"}, {"created"}, {"id"}, {"yaml"}});
  for (const JsonTree& version : list_at(body, {"items"})) {
    constexpr std::size_t kShown = 19;  // blake3: and twelve digits
    table.add({cell(version, {"version_no"}), cell(version, {"state"}),
               cell(version, {"created_at"}), cell(version, {"dag_version_id"}),
               cell(version, {"yaml_hash"}).substr(0, kShown)});
  }
  return table.text();
}

std::string dag_graph_text(const JsonTree& body) {
  TextTable table({{"job"},
                   {"operator"},
                   {"reads"},
                   {"writes"},
                   {"gen", Align::Right},
                   {"dispatch"},
                   {"queued", Align::Right},
                   {"running", Align::Right},
                   {"done", Align::Right},
                   {"failed", Align::Right},
                   {"rows", Align::Right}});
  const std::vector<JobCounts> counts = job_counts(body);
  std::size_t place = 0;
  for (const JsonTree& node : list_at(body, {"nodes"})) {
    const JobCounts& count = counts[place++];
    table.add({count.job, cell(node, {"operator"}), inputs_cell(body, count.job),
               outputs_cell(node), cell(node, {"generation"}), cell(node, {"dispatch"}),
               grouped(count.queued), grouped(count.running), grouped(count.done),
               grouped(count.failed), rows_cell(count.rows)});
  }
  return table.text();
}

std::string plan_jobs_text(const JsonTree& plan, const JsonTree& warnings) {
  TextTable table({{"job"}, {"action"}, {"reason"}});
  std::map<std::string, std::int64_t> actions;
  for (const JsonTree& job : list_at(plan, {"jobs"})) {
    table.add({cell(job, {"job"}), cell(job, {"action"}), cell(job, {"reason"})});
    ++actions[cell(job, {"action"})];
  }
  std::string sum;
  for (const char* action : {"build", "reuse", "keep", "drop"}) {
    if (actions[action] == 0) continue;
    sum += (sum.empty() ? "" : ", ") + grouped(actions[action]) + " to " + action;
  }
  const std::string base = at(plan, {"base"}).is_null()
                               ? "its first activation"
                               : "on generation " + cell(plan, {"base", "generation"});
  return table.text() + faults_text(JsonTree{{"warnings", warnings}}, "") + "Plan of " +
         cell(plan, {"dag"}) + ", " + base + ": " + (sum.empty() ? "no jobs" : sum) + ".\n";
}

std::string deploy_text(const std::string& dag, const JsonTree& body) {
  const bool created = at(body, {"created"}) == true;
  std::string text = "Deployed " + dag + " version " + cell(body, {"version_no"}) +
                     (created ? " (new)" : " (known already)");
  const std::string state = cell(body, {"deploy", "state"});
  if (state != "-") text += ", " + state;
  return text + ".\n";
}

std::vector<JobCounts> job_counts(const JsonTree& graph) {
  std::vector<JobCounts> jobs;
  for (const JsonTree& node : list_at(graph, {"nodes"})) {
    JobCounts job{.job = cell(node, {"job"}),
                  .activation = cell(node, {"activation"}),
                  .queued = number_at(node, {"counts", "queued"}),
                  .running = number_at(node, {"counts", "running"}),
                  .retry_wait = number_at(node, {"counts", "retry_wait"}),
                  .done = number_at(node, {"counts", "completed"}),
                  .failed = number_at(node, {"counts", "failed"}),
                  .canceled = number_at(node, {"counts", "canceled"})};
    for (const JsonTree& output : list_at(node, {"outputs"})) {
      if (!at(output, {"rows"}).is_number_integer()) continue;
      job.rows = job.rows.value_or(0) + number_at(output, {"rows"});
    }
    jobs.push_back(std::move(job));
  }
  return jobs;
}

std::string job_counts_text(const std::vector<JobCounts>& jobs, std::size_t lines_max) {
  TextTable table({{"job"},
                   {"queued", Align::Right},
                   {"running", Align::Right},
                   {"retry", Align::Right},
                   {"done", Align::Right},
                   {"failed", Align::Right},
                   {"rows out", Align::Right}});
  std::vector<const JobCounts*> shown;
  shown.reserve(jobs.size());
  for (const JobCounts& job : jobs) shown.push_back(&job);
  // Of equals, the one that stands first in the DAG: they are neighbours in one vector.
  const auto busier = [](const JobCounts* one, const JobCounts* other) {
    const std::pair mine(one->failed > 0, one->open());
    const std::pair its(other->failed > 0, other->open());
    return mine != its ? mine > its : std::less<>()(one, other);
  };
  if (shown.size() > lines_max) {
    std::ranges::sort(shown, busier);
    shown.resize(lines_max);
  }
  for (const JobCounts* job : shown) {
    table.add({job->job, grouped(job->queued), grouped(job->running), grouped(job->retry_wait),
               grouped(job->done), grouped(job->failed), rows_cell(job->rows)});
  }
  std::string text = table.text();
  if (jobs.size() > shown.size()) {
    text += "and " + grouped(static_cast<std::int64_t>(jobs.size() - shown.size())) +
            " jobs more: " + job_counts_line(jobs) + " in all\n";
  }
  return text;
}

std::string job_counts_line(const std::vector<JobCounts>& jobs) {
  JobCounts sum;
  for (const JobCounts& job : jobs) {
    sum.queued += job.queued;
    sum.running += job.running;
    sum.retry_wait += job.retry_wait;
    sum.done += job.done;
    sum.failed += job.failed;
    sum.canceled += job.canceled;
  }
  std::string text = grouped(sum.queued) + " queued, " + grouped(sum.running) + " running, ";
  if (sum.retry_wait > 0) text += grouped(sum.retry_wait) + " to retry, ";
  text += grouped(sum.done) + " done, " + grouped(sum.failed) + " failed";
  if (sum.canceled > 0) text += ", " + grouped(sum.canceled) + " canceled";
  return text;
}

}  // namespace weir::cli
