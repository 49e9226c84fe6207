// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <string>

#include "base/canonical_number.h"
#include "base/text.h"
#include "base/utf8.h"
#include "dispatcher/dagfile/codes.h"
#include "dispatcher/dagfile/draft.h"
#include "dispatcher/dagfile/limits.h"
#include "dispatcher/dagfile/normalise.h"
#include "dispatcher/dagfile/tables.h"

namespace weir::dispatcher {
namespace {

/// A path of table_ingest (contract section 6.19), or why it is none.
std::string_view path_fault(std::string_view path) {
  if (path.empty()) return "is empty";
  if (path.starts_with('/')) return "must be relative to its root";
  for (std::size_t at = 0; at < path.size();) {
    const char32_t character = base::next_character(path, at);
    if (character < 0x20 || character == 0x7f) return "has a control character";
    if (character == '\\') return "has a backslash; segments are joined by /";
  }
  const std::vector<std::string_view> segments = base::split(path, '/');
  for (const std::string_view segment : segments) {
    if (segment.empty()) return "has an empty segment";
    if (segment == "." || segment == "..") return "must not climb: no . or .. segment";
  }
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    if (segments[i].contains('*')) return "may have * in the last segment only";
  }
  constexpr std::array<std::string_view, 5> kFilled = {"partition_key", "start", "end", "cursor",
                                                       "date"};
  for (std::size_t open = path.find('{'); open != std::string_view::npos;
       open = path.find('{', open + 1)) {
    const std::size_t close = path.find('}', open);
    const std::string_view name = path.substr(open + 1, close - open - 1);
    if (close == std::string_view::npos || std::ranges::find(kFilled, name) == kFilled.end()) {
      return "fills in {partition_key}, {start}, {end}, {cursor} and {date} only";
    }
  }
  return {};
}

class ConfigReader {
 public:
  ConfigReader(Draft& draft, JobDraft& job)
      : draft_(draft), errors_(draft.errors), job_(job), written_(job.fields["config"].value) {}

  void read() {
    const Field& config = job_.fields["config"];
    if (config.bad()) return;
    if (config.there() && !check_bounds()) return;
    if (job_.operation == nullptr || job_.operation->free_config) {
      if (config.there()) check_free_value(written_, errors_);
      return;
    }
    check_table();
  }

 private:
  void at_value(std::string_view name, std::string detail) {
    errors_.at_value(job_.config[name].value, code::kConfig, {.detail = std::move(detail)});
  }

  bool check_bounds() {
    if (depth_of(written_) > kConfigDepthMax) {
      errors_.at_value(
          written_, code::kLimit,
          {.detail = "is nested deeper than " + std::to_string(kConfigDepthMax) + " levels"});
      return false;
    }
    std::string json;
    append_free_json(json, written_);
    if (json.size() <= kConfigBytesMax) return true;
    errors_.at_value(written_, code::kLimit,
                     {.detail = "has more than " + std::to_string(kConfigBytesMax) + " bytes"});
    return false;
  }

  // As deep as the document, whose depth kDagDepthMax bounds.
  static std::size_t depth_of(YamlValue value) {  // NOLINT(misc-no-recursion)
    std::size_t depth = 0;
    for (const YamlValue child : value) depth = std::max(depth, depth_of(child));
    return depth + (value.is_mapping() || value.is_sequence() ? 1 : 0);
  }

  void check_table() {
    const OperatorSpec& operation = *job_.operation;
    job_.config = FieldSet(written_, operation.config_fields);
    if (!written_.missing()) {
      // What is missing is told here: a job without `config` is told so itself.
      job_.config =
          read_fields(written_, operation.config_table(), errors_,
                      {.only_code = code::kConfig, .typed_scalars = true, .tell_missing = false});
    }
    for (const ConfigRule& rule : operation.config) {
      const Field& field = job_.config[rule.field.name];
      if (rule.field.required && !field.there()) miss(rule.field.name, "is needed");
      if (rule.field.type == FieldType::Any && field.good && rule.field.name != "columns") {
        check_free_value(field.value, errors_);
      }
    }
    check_special(operation.special);
  }

  void miss(std::string_view name, std::string_view why) {
    const std::string detail = "`config." + std::string(name) + "` " + std::string(why);
    if (!written_.missing()) return errors_.missing_from(written_, name, code::kConfig, detail);
    errors_.missing_from(job_.at, "config", code::kConfig, detail);
  }

  void check_special(ConfigSpecial special) {
    switch (special) {
      case ConfigSpecial::None:
        return;
      case ConfigSpecial::TableIngest:
        return check_ingest();
      case ConfigSpecial::RangeAggregator:
        return check_aggregator();
    }
  }

  void check_aggregator() {
    const Field& mode = job_.config["mode"];
    if (mode.bad()) return;
    const bool count = mode.text() == "count";
    const std::string_view needed = count ? "batch_size" : "range_size";
    const std::string_view other = count ? "range_size" : "batch_size";
    const std::string in_mode = std::string("in mode `") + (count ? "count" : "range") + '`';
    if (!job_.config[needed].there()) miss(needed, "is needed " + in_mode);
    if (job_.config[other].there()) {
      errors_.at_key(job_.config[other].value, code::kConfig,
                     {.detail = '`' + std::string(other) + "` has no meaning " + in_mode});
    }
  }

  void check_ingest() {
    if (const Field& path = job_.config["path"]; path.good) {
      const std::string_view fault = path_fault(path.text());
      if (!fault.empty()) at_value("path", "the path " + std::string(fault));
    }
    const Field& delimiter = job_.config["delimiter"];
    if (delimiter.good && !is_delimiter(delimiter.text())) {
      at_value("delimiter", "must be one character, no quote and no line end");
    }
    if (job_.config["columns"].there()) {
      job_.columns = read_columns(job_.config["columns"].value, errors_, code::kConfig);
    }
    check_root();
    check_cursor_column();
    check_unique_key();
  }

  static bool is_delimiter(std::string_view text) {
    return text.size() == 1 && text != "\"" && text != "\n" && text != "\r";
  }

  void check_root() {
    const Engines* engines = draft_.context.engines;
    const Field& root = job_.config["root"];
    if (engines == nullptr || root.bad()) return;
    const std::string_view name = root.there() ? root.text() : "default";
    if (engines->ingest_roots.contains(name)) return;
    const std::string detail = "this installation has no ingest root " + shown(name);
    if (root.there()) return at_value("root", detail);
    miss("root", "is not given, and " + detail);
  }

  const Column* column(std::string_view name) const {
    const auto found = std::ranges::find(*job_.columns, name, &Column::name);
    return found == job_.columns->end() ? nullptr : &*found;
  }

  void check_cursor_column() {
    const Field& cursor = job_.config["cursor_column"];
    if (!cursor.good) return;
    const bool per_update = !job_.execution || job_.execution == ExecutionStrategy::PerUpdate;
    const bool append = !job_.update || job_.update == UpdateStrategy::Append;
    if (!per_update || !append) {
      return at_value("cursor_column", "only a job that is `PerUpdate` and `append` emits cursors");
    }
    if (!job_.columns) return;
    const Column* found = column(cursor.text());
    if (found == nullptr) {
      at_value("cursor_column", "there is no column " + shown(cursor.text()));
    } else if (found->nullable || (found->type != "bigint" && found->type != "timestamptz")) {
      at_value("cursor_column", "must be a bigint or timestamptz that is not nullable");
    }
  }

  /// Rows that are added are known again by columns that every row has.
  void check_unique_key() {
    const Field& key = job_.fields["unique_key"];
    if (job_.update != UpdateStrategy::Append || !key.good || !job_.columns) return;
    for (const YamlValue item : key.value) {
      const Column* found = column(item.text());
      if (found != nullptr && !found->nullable) continue;
      errors_.at_value(
          key.value, code::kUniqueMismatch,
          {.detail = shown(item.text()) + (found == nullptr ? " is none of `config.columns`"
                                                            : " may be null in `config.columns`")});
      return;
    }
  }

  Draft& draft_;
  FaultList& errors_;
  JobDraft& job_;
  YamlValue written_;
};

}  // namespace

std::vector<std::string> deciding_order(const JobDraft& job) {
  if (!job.columns || job.config["format"].text() != "csv") return {};
  const Field& header = job.config["header"];
  if (!header.good || header.boolean) return {};
  if (std::ranges::is_sorted(*job.columns, {}, &Column::name)) return {};
  std::vector<std::string> names;
  for (const Column& column : *job.columns) names.push_back(column.name);
  return names;
}

void read_config(Draft& draft, JobDraft& job) { ConfigReader(draft, job).read(); }

// As deep as the document, whose depth kDagDepthMax bounds.
bool check_free_value(YamlValue value, FaultList& errors) {  // NOLINT(misc-no-recursion)
  switch (value.kind()) {
    case YamlKind::Null:
      return refuse_null(value, errors);
    case YamlKind::Refused:
      return false;
    case YamlKind::Quoted:
      return true;
    case YamlKind::Plain:
      break;
    case YamlKind::Sequence:
    case YamlKind::Mapping: {
      bool good = true;
      for (const YamlValue child : value) good = check_free_value(child, errors) && good;
      return good;
    }
  }
  const ScalarKind kind = free_scalar_kind(value);
  const std::optional<std::int64_t> integer = parse_integer(value.text());
  const bool small = kind != ScalarKind::Integer ||
                     (integer && *integer <= kWireIntegerMax && *integer >= -kWireIntegerMax);
  const bool finite = kind != ScalarKind::Double || std::isfinite(base::parse_double(value.text()));
  if (small && finite) return true;
  errors.at_value(value, code::kRange,
                  {.detail = "the number is too large; as a text, in quotes, it can stand here"});
  return false;
}

std::optional<std::vector<Column>> read_columns(YamlValue columns, FaultList& errors,
                                                std::string_view code) {
  const bool one_code = code == code::kConfig;
  const std::string_view shape_code = one_code ? code : code::kType;
  if (!require_mapping(columns, errors, shape_code)) return {};
  bool good = true;
  const auto refuse = [&](YamlValue at, bool key, std::string detail, std::string hint = {}) {
    FaultList::Told told{std::move(detail), std::move(hint)};
    key ? errors.at_key(at, code, std::move(told)) : errors.at_value(at, code, std::move(told));
    good = false;
  };
  if (columns.size() == 0 || columns.size() > kColumnsMax) {
    refuse(columns, false, "must have 1 to " + std::to_string(kColumnsMax) + " columns");
  }
  std::vector<Column> read;
  for (const YamlValue column : columns) {
    if (!kColumnPattern.matches(column.key())) {
      refuse(column, true,
             shown(column.key()) + " does not match " + std::string(kColumnPattern.regex));
    } else if (column.key().starts_with("_weir_")) {
      refuse(column, true, "names that begin with _weir_ are Weir's own");
    }
    YamlValue type = column;
    bool nullable = false;
    if (column.is_mapping()) {
      const FieldReading reading{
          .only_code = one_code ? code : "", .value_code = code, .typed_scalars = one_code};
      const FieldSet fields = read_fields(column, column_table(), errors, reading);
      good = good && fields["type"].good && !fields["nullable"].bad();
      nullable = fields["nullable"].boolean;
      type = fields["type"].value;
    } else if (!column.is_scalar()) {
      good = false;
      if (column.kind() == YamlKind::Null) refuse_null(column, errors);
      if (column.is_sequence()) refuse(column, false, "needs a type, or {type, nullable}");
    } else if (std::ranges::find(kColumnTypes, column.text()) == kColumnTypes.end()) {
      refuse(column, false, shown(column.text()) + " is none of " + one_of(kColumnTypes),
             nearest_of(column.text(), kColumnTypes));
    }
    if (good) read.push_back({std::string(column.key()), std::string(type.text()), nullable});
  }
  if (!good) return {};
  return read;
}

}  // namespace weir::dispatcher
