// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <queue>
#include <set>
#include <string>
#include <utility>

#include "dispatcher/dagfile/codes.h"
#include "dispatcher/dagfile/draft.h"
#include "dispatcher/dagfile/limits.h"
#include "dispatcher/dagfile/normalise.h"
#include "dispatcher/dagfile/tables.h"

namespace weir::dispatcher {
namespace {

std::vector<std::string_view> job_names(const Draft& draft) {
  std::vector<std::string_view> names;
  names.reserve(draft.job_by_name.size());
  for (const auto& [name, index] : draft.job_by_name) names.push_back(name);
  return names;
}

std::vector<std::string_view> dataset_names(const Draft& draft) {
  std::vector<std::string_view> names;
  names.reserve(draft.publish_by_id.size());
  for (const auto& [name, index] : draft.publish_by_id) names.push_back(name);
  if (draft.context.known == nullptr) return names;
  for (const auto& [name, dataset] : draft.context.known->datasets) names.push_back(name);
  return names;
}

/// `{dataset}`: an output of this file, or what another DAG publishes.
void find_dataset(Draft& draft, OriginDraft& from) {
  const Field& dataset = from.fields["dataset"];
  if (!dataset.good) return;
  const auto own = draft.publish_by_id.find(dataset.text());
  if (own != draft.publish_by_id.end()) {
    const OriginDraft& published = draft.publish[own->second].from;
    from.job = published.job;
    from.output = published.output;
    return;
  }
  if (draft.context.known == nullptr) {
    draft.warnings.at_value(dataset.value, code::kUnresolvedDataset,
                            {.detail = "this file does not publish " + shown(dataset.text()) +
                                       "; whether another does is not known here"});
    return;
  }
  const auto known = draft.context.known->datasets.find(dataset.text());
  if (known != draft.context.known->datasets.end()) {
    from.known = &known->second;
    return;
  }
  draft.errors.at_value(
      dataset.value, code::kUnknownDataset,
      {.detail = "there is no dataset " + shown(dataset.text()),
       .hint = draft.errors.wants_hints() ? nearest_of(dataset.text(), dataset_names(draft))
                                          : std::string()});
}

/// Two inputs that read the same: the second one is told.
void check_repeated(Draft& draft, const JobDraft& job) {
  std::set<std::string> seen;
  for (const InputDraft& input : job.inputs) {
    if (!input.from.by_job && !input.from.by_dataset) continue;
    std::string what;
    append_free_json(what, input.from.fields["job"].value);
    what += ' ' + std::to_string(input.from.fields["output"].integer) + ' ';
    append_free_json(what, input.from.fields["dataset"].value);
    const YamlValue where = input.fields["where"].value;
    if (where.is_mapping()) what += where_json(where);
    if (seen.insert(std::move(what)).second) continue;
    draft.errors.at_value(input.at, code::kDuplicateItem,
                          {.detail = "an input before reads the same"});
  }
}

/// Edges of the jobs of one file: for each job, the jobs that it reads, in the order of its inputs.
using Edges = std::vector<std::vector<std::size_t>>;

/// Jobs that stand in no cycle and behind none, producers first, of equals the first in the file.
std::vector<std::size_t> order_of(const Edges& reads) {
  std::vector<std::vector<std::size_t>> readers(reads.size());
  std::vector<std::size_t> waiting(reads.size());
  for (std::size_t job = 0; job < reads.size(); ++job) {
    waiting[job] = reads[job].size();
    for (const std::size_t upstream : reads[job]) readers[upstream].push_back(job);
  }
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t job = 0; job < reads.size(); ++job) {
    if (waiting[job] == 0) ready.push(job);
  }
  std::vector<std::size_t> order;
  while (!ready.empty()) {
    const std::size_t job = ready.top();
    ready.pop();
    order.push_back(job);
    for (const std::size_t reader : readers[job]) {
      if (--waiting[reader] == 0) ready.push(reader);
    }
  }
  return order;
}

/// Tarjan's strongly connected components, without recursion: 2000 jobs in a row are legal.
class Components {
 public:
  explicit Components(const Edges& reads)
      : reads_(reads), number_(reads.size()), low_(reads.size()), component_(reads.size()) {
    for (std::size_t job = 0; job < reads.size(); ++job) {
      if (number_[job] == 0) walk(job);
    }
  }

  /// Jobs of one component have equal numbers, from 1.
  const std::vector<std::size_t>& component() const { return component_; }

 private:
  struct Step {
    std::size_t job = 0;
    std::size_t edge = 0;
  };

  void enter(std::size_t job) {
    number_[job] = low_[job] = ++numbered_;
    open_.push_back(job);
    path_.push_back({.job = job});
  }

  void walk(std::size_t root) {
    enter(root);
    while (!path_.empty()) {
      Step& step = path_.back();
      if (step.edge < reads_[step.job].size()) {
        const std::size_t upstream = reads_[step.job][step.edge++];
        if (number_[upstream] == 0) {
          enter(upstream);
        } else if (component_[upstream] == 0) {
          low_[step.job] = std::min(low_[step.job], number_[upstream]);
        }
        continue;
      }
      leave(step.job);
    }
  }

  void leave(std::size_t job) {
    path_.pop_back();
    if (!path_.empty()) low_[path_.back().job] = std::min(low_[path_.back().job], low_[job]);
    if (low_[job] != number_[job]) return;
    ++components_;
    for (std::size_t member = reads_.size(); member != job;) {
      member = open_.back();
      open_.pop_back();
      component_[member] = components_;
    }
  }

  const Edges& reads_;
  std::vector<std::size_t> number_;
  std::vector<std::size_t> low_;
  std::vector<std::size_t> component_;  // 0 while open
  std::vector<std::size_t> open_;
  std::vector<Step> path_;
  std::size_t numbered_ = 0;
  std::size_t components_ = 0;
};

/// Reports one cycle a component.
class CycleFinder {
 public:
  CycleFinder(Draft& draft, const Edges& reads)
      : draft_(draft), reads_(reads), components_(reads) {}

  void report() {
    std::set<std::size_t> told;
    for (std::size_t job = 0; job < reads_.size(); ++job) {
      const InputDraft* input = first_inward(job);
      if (input == nullptr || !told.insert(component(job)).second) continue;
      const Field& named =
          input->from.by_job ? input->from.fields["job"] : input->from.fields["dataset"];
      draft_.errors.at_value(
          named.value, code::kCycle,
          {.detail = "the jobs read each other: " + path_text(job, *input->from.job)});
    }
  }

 private:
  std::size_t component(std::size_t job) const { return components_.component()[job]; }

  /// The first input of a job that leads to a job it can be reached from.
  const InputDraft* first_inward(std::size_t job) const {
    for (const InputDraft& input : draft_.jobs[job].inputs) {
      if (input.from.job && component(*input.from.job) == component(job)) return &input;
    }
    return nullptr;
  }

  /// From the job over its input back to itself, by the shortest way.
  std::string path_text(std::size_t job, std::size_t upstream) const {
    std::vector<std::size_t> behind(reads_.size(), reads_.size());
    std::queue<std::size_t> reached;
    reached.push(upstream);
    behind[upstream] = job;
    while (!reached.empty() && behind[job] == reads_.size()) {
      const std::size_t at = reached.front();
      reached.pop();
      for (const std::size_t next : reads_[at]) {
        if (component(next) != component(job) || behind[next] != reads_.size()) continue;
        behind[next] = at;
        reached.push(next);
      }
    }
    std::vector<std::size_t> way = {job};
    for (std::size_t at = upstream == job ? job : behind[job]; at != job; at = behind[at]) {
      way.push_back(at);
    }
    way.push_back(job);
    std::string text;
    // The way was walked from its end: producers stand before their readers.
    for (std::size_t i = 0; i < way.size(); ++i) {
      const bool last = i + 1 == way.size();
      if (!last && i >= kCycleShownMax) continue;
      if (i > 0) text += last && i > kCycleShownMax ? " → … → " : " → ";
      text += draft_.jobs[way[i]].name;
    }
    return text;
  }

  Draft& draft_;
  const Edges& reads_;
  Components components_;
};

}  // namespace

OriginDraft read_origin(YamlValue from, bool datasets, FaultList& errors) {
  OriginDraft origin;
  origin.fields = read_fields(from, from_table(), errors);
  const bool by_job = origin.fields["job"].there() || origin.fields["output"].there();
  const bool by_dataset = origin.fields["dataset"].there();
  if (by_job == by_dataset || (by_dataset && !datasets)) {
    // A field that is not known is told already, and may be the one that is missing.
    const bool misspelt = !by_job && !by_dataset && from.size() > 0;
    if (!misspelt) {
      errors.at_value(from, code::kValue,
                      {.detail = datasets ? "needs either {job, output} or {dataset}"
                                          : "needs {job, output}: what this file makes"});
    }
    return origin;
  }
  origin.by_job = by_job;
  origin.by_dataset = by_dataset;
  if (!by_job || from.size() > 2) return origin;
  for (const std::string_view key : {"job", "output"}) {
    if (origin.fields[key].there()) continue;
    errors.missing_from(from, key, code::kMissingField, '`' + std::string(key) + "` is missing");
  }
  return origin;
}

void find_origin(Draft& draft, OriginDraft& from) {
  const Field& job = from.fields["job"];
  const Field& output = from.fields["output"];
  if (!from.by_job || !job.good) return;
  const auto found = draft.job_by_name.find(job.text());
  if (found == draft.job_by_name.end()) {
    if (draft.unnamed_job) return;
    draft.errors.at_value(
        job.value, code::kUnknownJob,
        {.detail = "there is no job " + shown(job.text()),
         .hint = draft.errors.wants_hints() ? nearest_of(job.text(), job_names(draft))
                                            : std::string()});
    return;
  }
  if (!output.good) return;
  const std::optional<std::int64_t> outputs = draft.jobs[found->second].outputs;
  const std::int64_t last = outputs.value_or(kOutputsMax) - 1;
  if (output.integer < 0 || output.integer > last) {
    draft.errors.at_value(
        output.value, code::kOutputRange,
        {.detail = shown(job.text()) + " has outputs 0 to " + std::to_string(last)});
    return;
  }
  if (!outputs) return;
  from.job = found->second;
  from.output = output.integer;
}

void link_jobs(Draft& draft) {
  Edges reads(draft.jobs.size());
  for (std::size_t i = 0; i < draft.jobs.size(); ++i) {
    for (InputDraft& input : draft.jobs[i].inputs) {
      find_origin(draft, input.from);
      if (input.from.by_dataset) find_dataset(draft, input.from);
      if (input.from.job) reads[i].push_back(*input.from.job);
    }
    check_repeated(draft, draft.jobs[i]);
  }
  draft.order = order_of(reads);
  if (draft.order.size() < draft.jobs.size()) CycleFinder(draft, reads).report();
}

}  // namespace weir::dispatcher
