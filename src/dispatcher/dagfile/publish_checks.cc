// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>
#include <utility>

#include "dispatcher/dagfile/codes.h"
#include "dispatcher/dagfile/draft.h"

namespace weir::dispatcher {
namespace {

/// Where a published output is kept, and what that asks of its entry (contract section 2.7).
class PublishChecker {
 public:
  PublishChecker(Draft& draft, PublishDraft& entry)
      : draft_(draft),
        errors_(draft.errors),
        entry_(entry),
        job_(entry.from.job ? &draft.jobs[*entry.from.job] : nullptr),
        operation_(job_ == nullptr ? nullptr : job_->operation) {}

  void check() {
    if (operation_ == nullptr) return;
    find_place();
    check_available();
    if (!entry_.place) return;
    check_schema();
    for (const CheckDraft& check : entry_.checks) check_check(check.fields);
  }

 private:
  const Field& field(std::string_view name) const { return entry_.fields[name]; }

  void at_value(std::string_view name, std::string_view code, std::string detail,
                std::string hint = {}) {
    errors_.at_value(field(name).value, code, {std::move(detail), std::move(hint)});
  }
  void at_key(std::string_view name, std::string_view code, std::string detail) {
    errors_.at_key(field(name).value, code, {.detail = std::move(detail)});
  }

  /// True if it is not known how the job writes, because that could not be read.
  bool update_unknown() const {
    const bool matters = operation_->updates.has(UpdateStrategy::Append) &&
                         operation_->updates.has(UpdateStrategy::Replace);
    return !job_->update && matters;
  }

  void find_place() {
    const auto storage = enum_of<Storage>(kStorages, field("storage").text());
    const auto mode = enum_of<WriteMode>(kWriteModes, field("write_mode").text());
    if (field("storage").bad() || field("write_mode").bad()) return;
    if (is_unkept()) {
      entry_.place = operation_->kept({});
      if (field("storage").there()) {
        at_key("storage", code::kStorage,
               '`' + std::string(operation_->name) + "` keeps no rows that could be stored");
      }
      if (mode) at_key("write_mode", code::kNotApplicable, "only `storage: postgres` has one");
      return;
    }
    if (!storage && operation_->must_name_storage) {
      errors_.missing_from(entry_.at, "storage", code::kMissingField,
                           '`' + std::string(operation_->name) +
                               "` does not say where its rows are kept: name `storage`");
      return;
    }
    if (update_unknown()) return;
    StoragePlace place = operation_->kept(job_->update);
    if (storage) place = {.storage = *storage, .write_mode = {}};
    if (place.storage != Storage::Postgres) {
      if (mode)
        return at_key("write_mode", code::kNotApplicable, "only `storage: postgres` has one");
    } else if (mode) {
      place.write_mode = mode;
    } else if (!place.write_mode) {
      errors_.missing_from(entry_.at, "write_mode", code::kMissingField,
                           "`storage: postgres` needs `write_mode`");
      return;
    }
    if (check_place(place)) entry_.place = place;
  }

  /// Only events, or rows that are computed when they are read.
  bool is_unkept() const {
    const auto unkept = [](const StoragePlace& place) {
      return place.storage == Storage::Events || place.storage == Storage::Virtual;
    };
    return unkept(operation_->kept_append) && unkept(operation_->kept_replace) &&
           operation_->places_append.empty() && operation_->places_replace.empty();
  }

  bool check_place(const StoragePlace& place) {
    const bool append = job_->update == UpdateStrategy::Append;
    if (place.storage == Storage::ObjectStore && append) {
      at_value_or_entry("storage", code::kStorage,
                        "an object store cannot keep a key, which `append` needs");
      return false;
    }
    if (place.write_mode == WriteMode::Direct && job_->runtime == Runtime::Lambda) {
      at_value_or_entry("write_mode", code::kWriteMode,
                        "untrusted code does not write tables itself", "buffered");
      return false;
    }
    if (place.write_mode == WriteMode::Buffered && job_->update == UpdateStrategy::Replace) {
      at_value_or_entry("write_mode", code::kBufferedAppend,
                        "a buffered table takes `update_strategy: append` only");
      return false;
    }
    const auto legal = operation_->places(job_->update);
    if (std::ranges::find(legal, place) != legal.end()) return true;
    const bool storage_fits = std::ranges::any_of(
        legal, [&](const StoragePlace& known) { return known.storage == place.storage; });
    const std::string name = '`' + std::string(operation_->name) + '`';
    if (storage_fits) {
      at_value_or_entry("write_mode", code::kWriteMode, name + " cannot write this way");
    } else {
      at_value_or_entry("storage", code::kStorage, name + " cannot write there");
    }
    return false;
  }

  void at_value_or_entry(std::string_view name, std::string_view code, std::string detail,
                         std::string hint = {}) {
    if (field(name).there()) return at_value(name, code, std::move(detail), std::move(hint));
    errors_.missing_from(entry_.at, name, code, std::move(detail));
  }

  void check_available() {
    const Engines* engines = draft_.context.engines;
    if (engines == nullptr) return;
    const Field& mode = field("write_mode");
    if (mode.good && entry_.place &&
        !(mode.text() == "buffered" ? engines->buffered : engines->direct)) {
      at_value("write_mode", code::kNotAvailable,
               "this installation cannot write " + shown(mode.text()) + " tables");
    }
    if (field("checks").there() && !engines->checks) {
      at_key("checks", code::kNotAvailable, "this installation cannot run checks");
    }
  }

  void check_schema() {
    const bool buffered = entry_.place->write_mode == WriteMode::Buffered;
    const FixedSchema* fixed = operation_->fixed_schema;
    if (!buffered) {
      if (field("schema").there()) {
        at_key("schema", code::kNotApplicable, "only `write_mode: buffered` has one");
      }
      return;
    }
    if (!field("schema").there()) {
      if (fixed != nullptr) return check_fixed_key(*fixed);
      errors_.missing_from(entry_.at, "schema", code::kMissingField,
                           "`write_mode: buffered` needs `schema`");
      return;
    }
    if (!entry_.table) return;
    if (fixed != nullptr) {
      if (!repeats(*fixed)) {
        at_value("schema", code::kSchema,
                 "`" + std::string(operation_->name) +
                     "` has a schema of its own; repeat it exactly, or leave it out");
      }
      return check_fixed_key(*fixed);
    }
    if (!job_->fields["unique_key"].good || same_set(unique_key(), entry_.table->unique)) return;
    errors_.at_value(entry_.schema["unique"].value, code::kUniqueMismatch,
                     {.detail = "must be the columns of the job's `unique_key`"});
  }

  void check_fixed_key(const FixedSchema& fixed) {
    const Field& key = job_->fields["unique_key"];
    if (!key.good || same_set(unique_key(), fixed.unique)) return;
    errors_.at_value(key.value, code::kUniqueMismatch,
                     {.detail = '`' + std::string(operation_->name) + "` knows its rows by `" +
                                fixed.unique.front() + '`'});
  }

  std::vector<std::string> unique_key() const {
    std::vector<std::string> columns;
    for (const YamlValue item : job_->fields["unique_key"].value) columns.emplace_back(item.text());
    return columns;
  }

  static bool same_set(std::vector<std::string> one, std::vector<std::string> other) {
    std::ranges::sort(one);
    std::ranges::sort(other);
    return one == other;
  }

  bool repeats(const FixedSchema& fixed) const {
    const auto by_name = [](std::vector<Column> columns) {
      std::ranges::sort(columns, {}, &Column::name);
      return columns;
    };
    return by_name(entry_.table->columns) == by_name(fixed.columns) &&
           entry_.table->unique == fixed.unique && entry_.table->indexes.empty();
  }

  /// The columns that the output is known to have, or null.
  const std::vector<Column>* columns() const {
    if (operation_->fixed_schema != nullptr) return &operation_->fixed_schema->columns;
    if (entry_.table) return &entry_.table->columns;
    if (job_->columns) return &*job_->columns;
    return nullptr;
  }

  /// Whether a check can be made of this output (section 6.18).
  void check_check(const FieldSet& check) {
    if (!check["kind"].good) return;
    const bool no_rows = entry_.place->storage == Storage::Events;
    const bool freshness = check["kind"].text() == "freshness";
    if (no_rows && !freshness) {
      errors_.at_value(check["kind"].value, code::kCheck,
                       {.detail = "an output of events alone has no rows to measure"});
      return;
    }
    const Field& column = check["column"];
    if (!column.good) return;
    if (no_rows) {
      errors_.at_key(column.value, code::kCheck,
                     {.detail = "an output of events alone has no columns"});
      return;
    }
    if (columns() == nullptr) return;
    const auto found = std::ranges::find(*columns(), column.text(), &Column::name);
    if (found == columns()->end()) {
      errors_.at_value(column.value, code::kCheck,
                       {.detail = "there is no column " + shown(column.text())});
    } else if (freshness && found->type != "timestamptz") {
      errors_.at_value(
          column.value, code::kCheck,
          {.detail = "freshness is measured by a timestamptz, this is " + found->type});
    }
  }

  Draft& draft_;
  FaultList& errors_;
  PublishDraft& entry_;
  const JobDraft* job_;
  const OperatorSpec* operation_;
};

}  // namespace

void check_publish(Draft& draft) {
  for (PublishDraft& entry : draft.publish) PublishChecker(draft, entry).check();
}

}  // namespace weir::dispatcher
