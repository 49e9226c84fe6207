// SPDX-License-Identifier: Apache-2.0
#include "worker/rows/rows_sql.h"

#include <charconv>
#include <cstddef>
#include <system_error>
#include <utility>
#include <vector>

#include "worker/rows/limits.h"
#include "worker/rows/row_value.h"

namespace weir::worker {
namespace {

/// `prefix"a", prefix"b"`.
std::string list_of(const std::vector<std::string>& names, std::string_view prefix = "") {
  std::string list;
  for (const std::string& name : names) {
    if (!list.empty()) list += ", ";
    list.append(prefix).append(quoted_name(name));
  }
  return list;
}

std::vector<std::string> names_of(const TableShape& shape) {
  std::vector<std::string> names;
  names.reserve(shape.columns.size());
  for (const Column& column : shape.columns) names.push_back(column.name);
  return names;
}

constexpr std::size_t kFixedParams = 3;  // scope, number, task

/// `SELECT u.c0::bigint AS "a", … FROM unnest($4::text[], …) AS u (c0, …)`.
std::string rows_of_arrays(const TableShape& shape, bool distinct) {
  std::string values;
  std::string arrays;
  std::string names;
  for (std::size_t i = 0; i < shape.columns.size(); ++i) {
    const std::string separator = i == 0 ? "" : ", ";
    const std::string name = "c" + std::to_string(i);
    values.append(separator).append("u.").append(name).append("::");
    values.append(sql_type(shape.columns[i].type)).append(" AS ");
    values.append(quoted_name(shape.columns[i].name));
    arrays.append(separator).append("$").append(std::to_string(i + 1 + kFixedParams));
    arrays.append("::text[]");
    names.append(separator).append(name);
  }
  return std::string("SELECT ") + (distinct ? "DISTINCT " : "") + values + " FROM unnest(" +
         arrays + ") AS u (" + names + ")";
}

constexpr std::string_view kStamps = ", _weir_order, _weir_scope, _weir_task_id) SELECT ";
constexpr std::string_view kStampValues = ", $2, $1, $3::uuid FROM input";

std::string plain_insert(const TableShape& shape) {
  const std::string columns = list_of(names_of(shape));
  return "WITH input AS (" + rows_of_arrays(shape, false) + "), written AS (INSERT INTO " +
         shape.table + " (" + columns + std::string(kStamps) + columns + std::string(kStampValues) +
         " RETURNING 1) SELECT (SELECT count(*) FROM written), false";
}

std::string upsert(const TableShape& shape) {
  const std::vector<std::string> names = names_of(shape);
  const std::string columns = list_of(names);
  const std::string key = list_of(shape.key);
  std::string changes;
  for (const std::string& name : names) {
    changes += quoted_name(name) + " = EXCLUDED." + quoted_name(name) + ", ";
  }
  return "WITH input AS (" + rows_of_arrays(shape, true) +
         // Rows of this very claim are of this run: an earlier one would have left its marker.
         "), clash AS (SELECT FROM input r JOIN " + shape.table + " t ON (" +
         list_of(shape.key, "t.") + ") = (" + list_of(shape.key, "r.") +
         ") WHERE t._weir_order = $2 AND (" + list_of(names, "t.") + ") IS DISTINCT FROM (" +
         list_of(names, "r.") + ") LIMIT 1), written AS (INSERT INTO " + shape.table + " AS t (" +
         columns + std::string(kStamps) + columns + std::string(kStampValues) +
         " WHERE NOT EXISTS (SELECT FROM clash) ON CONFLICT (" + key + ") DO UPDATE SET " +
         changes +
         "_weir_order = EXCLUDED._weir_order, _weir_scope = EXCLUDED._weir_scope,"
         " _weir_task_id = EXCLUDED._weir_task_id, _weir_publish_id = NULL,"
         " _weir_written_at = now() WHERE t._weir_order <= EXCLUDED._weir_order RETURNING 1)"
         " SELECT (SELECT count(*) FROM written), EXISTS (SELECT FROM clash)";
}

Error invalid_request(std::string text) {
  return base::invalid_argument("invalid_request", std::move(text));
}

/// One condition after another, and their parameters.
class Conditions {
 public:
  explicit Conditions(const TableShape& shape) : shape_(shape) {}

  Result<void> add_filter(std::string_view json) {
    const auto document = JsonDocument::parse(json);
    if (!document.ok() || !document->root().is_object()) {
      return base::internal("a grant's filter is no JSON object");
    }
    const JsonValue filter = document->root();
    if (filter.size() > kFilterFieldsMax) return invalid_request("the filter has too many fields");
    for (const JsonValue field : filter) WEIR_CHECK(add_field(field));
    return {};
  }

  /// A bound of a range, inclusive. Of a timestamptz it is epoch milliseconds (sections 6.12 and
  /// 6.13), and takes in the whole millisecond.
  Result<void> add_bound(const Column& column, std::string_view relation,
                         const std::string& bound) {
    std::string value = "$" + std::to_string(params_.size() + 1);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(bound.data(), bound.data() + bound.size(), number);
    const bool is_number = error == std::errc() && end == bound.data() + bound.size();
    if (column.type == ColumnType::Timestamptz && is_number) {
      const bool upper = relation == "<=";
      if (upper) relation = "<";
      value = "'epoch'::timestamptz + (" + value + "::text::bigint" + (upper ? " + 1" : "") +
              ") * interval '1 millisecond'";
    } else if (column.type == ColumnType::Bigint && !is_number) {
      return invalid_request("a bound of " + column.name + " must be a whole number");
    } else {
      value += "::text::" + std::string(sql_type(column.type));
    }
    params_.text(bound);
    push("t." + quoted_name(column.name) + " " + std::string(relation) + " " + value);
    return {};
  }

  std::string where() const { return conditions_.empty() ? "" : " WHERE " + conditions_; }
  postgres::Params take_params() && { return std::move(params_); }

 private:
  Result<void> add_field(JsonValue field) {
    const Column* column = shape_.column(field.key());
    if (column == nullptr) return invalid_request("the filter names no column of the table");
    std::vector<std::string> values;
    if (field.is_array()) {
      if (field.size() > kFilterValuesMax) return invalid_request("the filter has too many values");
      for (const JsonValue item : field) WEIR_CHECK(add_value(values, *column, item));
    } else {
      WEIR_CHECK(add_value(values, *column, field));
    }
    push("t." + quoted_name(column->name) + " = ANY ($" + std::to_string(params_.size() + 1) +
         "::text[]::" + std::string(sql_type(column->type)) + "[])");
    params_.text_array(values);
    return {};
  }

  static Result<void> add_value(std::vector<std::string>& values, const Column& column,
                                JsonValue item) {
    std::optional<std::string> text;
    if (!item.is_null()) text = row_value(column.type, item);
    if (!text) return invalid_request("a value of the filter is not of its column's type");
    values.push_back(std::move(*text));
    return {};
  }

  void push(const std::string& condition) {
    conditions_ += conditions_.empty() ? condition : " AND " + condition;
  }

  const TableShape& shape_;
  std::string conditions_;
  postgres::Params params_;
};

}  // namespace

std::string insert_sql(const TableShape& shape) {
  return shape.key.empty() ? plain_insert(shape) : upsert(shape);
}

postgres::Params insert_params(const RowsTarget& target, const RowBatch& batch,
                               std::size_t columns) {
  postgres::Params params;
  params.text(target.scope).int64(target.fence_no).text(target.task_id.text());
  for (std::size_t i = 0; i < columns; ++i) params.text_array(batch.column(i));
  return params;
}

Result<RangeSql> range_sql(const TableShape& shape, const RowsRange& range) {
  Conditions conditions(shape);
  WEIR_CHECK(conditions.add_filter(range.where));
  std::vector<std::string> order;
  if (!range.cursor_column.empty()) {
    const Column* column = shape.column(range.cursor_column);
    if (column == nullptr) return invalid_request("cursor_column names no column of the table");
    if (range.start) WEIR_CHECK(conditions.add_bound(*column, ">=", *range.start));
    if (range.end) WEIR_CHECK(conditions.add_bound(*column, "<=", *range.end));
    order.push_back(column->name);
  } else if (range.start || range.end) {
    return invalid_request("start and end need a cursor_column");
  }
  order.insert(order.end(), shape.key.begin(), shape.key.end());
  RangeSql sql;
  sql.where = conditions.where();
  sql.order = order.empty() ? "" : " ORDER BY " + list_of(order, "t.");
  sql.params = std::move(conditions).take_params();
  return sql;
}

std::string select_sql(const TableShape& shape, const RangeSql& range) {
  return "SELECT row_to_json((SELECT r FROM (SELECT " + list_of(names_of(shape), "t.") +
         ") r))::text FROM " + shape.table + " t" + range.where + range.order;
}

}  // namespace weir::worker
