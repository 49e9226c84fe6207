// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "dispatcher/dagfile/codes.h"
#include "dispatcher/dagfile/draft.h"
#include "dispatcher/dagfile/limits.h"

namespace weir::dispatcher {
namespace {

/// What `where` may name of one input, with types.
struct Filters {
  struct Filter {
    std::string_view name;
    std::string_view type;
    std::span<const std::string_view> values = {};
  };
  std::vector<Filter> filters;
  /// Whether all of it is known: not for a dataset that nobody could look up, nor for a job that
  /// could not be read.
  bool known = true;

  void add_column(const TableSchema& table, std::string_view name) {
    const auto column = std::ranges::find(table.columns, name, &Column::name);
    if (column != table.columns.end()) filters.push_back({column->name, column->type});
  }
};

/// Looks along the edges, once they are known (contract sections 2.4 and 2.5.2).
class LinkChecker {
 public:
  explicit LinkChecker(Draft& draft) : draft_(draft), errors_(draft.errors) {}

  void check() {
    find_cursor_only();
    for (JobDraft& job : draft_.jobs) {
      check_partitions(job);
      for (InputDraft& input : job.inputs) check_where(input);
    }
    // What could not be read may be what reads a job.
    if (!errors_.empty()) return;
    find_used();
    for (std::size_t i = 0; i < draft_.jobs.size(); ++i) warn_unused(i);
  }

 private:
  /// Jobs whose events are known to name cursors only, in the order of the graph.
  void find_cursor_only() {
    cursor_only_.assign(draft_.jobs.size(), false);
    for (const std::size_t index : draft_.order) {
      const JobDraft& job = draft_.jobs[index];
      if (job.operation == nullptr) continue;
      const EmittedScope scope = job.operation->scope;
      cursor_only_[index] = scope == EmittedScope::OfCursor ||
                            (scope == EmittedScope::OfTrigger && hands_cursors_on(job)) ||
                            (scope == EmittedScope::Passed && reads_cursors_only(job));
    }
  }

  bool reads_cursors_only(const JobDraft& job) const {
    return !job.inputs.empty() && std::ranges::all_of(job.inputs, [&](const InputDraft& input) {
      return input.from.job && cursor_only_[*input.from.job];
    });
  }

  /// Rows that are replaced on a cursor are the partition `all` (section 6.7).
  bool hands_cursors_on(const JobDraft& job) const {
    if (!job.update || !reads_cursors_only(job)) return false;
    const bool stored = job.operation->kept(job.update).storage != Storage::Events;
    return *job.update == UpdateStrategy::Append || !stored;
  }

  void check_partitions(const JobDraft& job) {
    if (job.execution != ExecutionStrategy::PerPartition || job.operation == nullptr) return;
    if (!job.operation->execution.has(*job.execution)) return;  // told already
    for (const InputDraft& input : job.inputs) {
      if (!input.from.job || !cursor_only_[*input.from.job]) continue;
      errors_.at_value(job.fields["execution_strategy"].value, code::kStrategyMismatch,
                       {.detail = shown(draft_.jobs[*input.from.job].name) +
                                  " emits cursors only, no partitions",
                        .hint = "PerUpdate"});
      return;
    }
  }

  Filters filters_of(const OriginDraft& from) const {
    Filters allowed;
    if (from.known != nullptr) {
      for (const auto& [name, type] : from.known->filterable) {
        allowed.filters.push_back({name, type});
      }
      return allowed;
    }
    const JobDraft* job = from.job ? &draft_.jobs[*from.job] : nullptr;
    if (job == nullptr || job->operation == nullptr) {
      allowed.known = false;
      return allowed;
    }
    for (const FilterField& field : job->operation->filterable) {
      allowed.filters.push_back({field.name, field.type, field.values});
    }
    if (const FixedSchema* fixed = job->operation->fixed_schema; fixed != nullptr) {
      for (const Column& column : fixed->columns) {
        const bool unique = std::ranges::find(fixed->unique, column.name) != fixed->unique.end();
        if (unique) allowed.filters.push_back({column.name, column.type});
      }
    }
    for (const PublishDraft& entry : draft_.publish) {
      if (entry.from.job != from.job || entry.from.output != from.output) continue;
      allowed.known = allowed.known && (entry.table || !entry.fields["schema"].there());
      if (!entry.table) continue;
      for (const std::string& name : entry.table->unique) allowed.add_column(*entry.table, name);
      for (const auto& index : entry.table->indexes) {
        for (const std::string& name : index) allowed.add_column(*entry.table, name);
      }
    }
    return allowed;
  }

  void check_where(const InputDraft& input) {
    const Field& where = input.fields["where"];
    if (!where.value.is_mapping()) return;
    const Filters allowed = filters_of(input.from);
    for (const YamlValue field : where.value) {
      const auto found = std::ranges::find(allowed.filters, field.key(), &Filters::Filter::name);
      const Filters::Filter* filter = found == allowed.filters.end() ? nullptr : &*found;
      if (filter == nullptr && allowed.known) refuse_field(field, allowed);
      check_values(field, filter);
    }
  }

  void refuse_field(YamlValue field, const Filters& allowed) {
    std::vector<std::string_view> names;
    names.reserve(allowed.filters.size());
    for (const Filters::Filter& filter : allowed.filters) names.push_back(filter.name);
    std::ranges::sort(names);
    const auto repeated = std::ranges::unique(names);
    names.erase(repeated.begin(), repeated.end());
    errors_.at_key(
        field, code::kWhereField,
        {.detail = shown(field.key()) + (names.empty()
                                             ? " cannot be filtered by: this dataset has no filters"
                                             : " cannot be filtered by; " + one_of(names) + " can"),
         .hint = errors_.wants_hints() ? nearest_of(field.key(), names) : std::string()});
  }

  void check_values(YamlValue field, const Filters::Filter* filter) {
    if (!field.is_sequence()) return check_scalar(field, filter);
    if (field.size() == 0 || field.size() > kWhereValuesMax) {
      errors_.at_value(
          field, code::kLimit,
          {.detail = "a list has 1 to " + std::to_string(kWhereValuesMax) + " values"});
    }
    for (const YamlValue item : field) check_scalar(item, filter);
  }

  void check_scalar(YamlValue value, const Filters::Filter* filter) {
    if (value.kind() == YamlKind::Refused) return;
    if (!value.is_scalar()) {
      if (value.kind() == YamlKind::Null) {
        refuse_null(value, errors_);
      } else {
        errors_.at_value(
            value, code::kType,
            {.detail = "needs a value or a list of values, not " + std::string(kind_words(value))});
      }
      return;
    }
    if (!check_free_value(value, errors_) || filter == nullptr) return;
    if (!fits(value, filter->type)) {
      errors_.at_value(value, code::kWhereType,
                       {.detail = shown(filter->name) + " is " + std::string(filter->type) +
                                  ", this is " + std::string(kind_words(value))});
    } else if (!filter->values.empty() &&
               std::ranges::find(filter->values, value.text()) == filter->values.end()) {
      errors_.at_value(value, code::kWhereType,
                       {.detail = shown(value.text()) + " is none of " + one_of(filter->values),
                        .hint = nearest_of(value.text(), filter->values)});
    }
  }

  static bool fits(YamlValue value, std::string_view type) {
    const ScalarKind kind = free_scalar_kind(value);
    if (type == "int" || type == "bigint") return kind == ScalarKind::Integer;
    if (type == "double" || type == "numeric") {
      return kind == ScalarKind::Integer || kind == ScalarKind::Double;
    }
    if (type == "bool" || type == "boolean") return kind == ScalarKind::Boolean;
    return kind == ScalarKind::Text;
  }

  void find_used() {
    used_.assign(draft_.jobs.size(), false);
    for (const JobDraft& job : draft_.jobs) {
      for (const InputDraft& input : job.inputs) {
        if (const auto named = name_of(input.from)) used_[*named] = true;
      }
    }
    for (const PublishDraft& entry : draft_.publish) {
      if (const auto named = name_of(entry.from)) used_[*named] = true;
    }
  }

  /// The job that an edge means, also where its output is wrong.
  std::optional<std::size_t> name_of(const OriginDraft& from) const {
    if (from.job) return from.job;
    const auto found = draft_.job_by_name.find(from.fields["job"].text());
    if (found == draft_.job_by_name.end()) return {};
    return found->second;
  }

  void warn_unused(std::size_t index) {
    const JobDraft& job = draft_.jobs[index];
    if (used_[index] || (job.operation != nullptr && job.operation->effects)) return;
    const YamlValue name = job.fields["name"].value;
    if (name.missing()) return;
    draft_.warnings.at_value(name, code::kUnusedJob,
                             {.detail = "nothing reads or publishes what this job makes"});
  }

  Draft& draft_;
  FaultList& errors_;
  std::vector<bool> cursor_only_;
  std::vector<bool> used_;
};

}  // namespace

void check_links(Draft& draft) { LinkChecker(draft).check(); }

}  // namespace weir::dispatcher
