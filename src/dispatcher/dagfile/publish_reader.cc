// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "base/utf8.h"
#include "dispatcher/dagfile/codes.h"
#include "dispatcher/dagfile/draft.h"
#include "dispatcher/dagfile/limits.h"
#include "dispatcher/dagfile/tables.h"

namespace weir::dispatcher {
namespace {

/// Why a text is no dataset id (contract section 2.7), or nothing.
std::string_view id_fault(std::string_view id) {
  if (id.size() > kDatasetIdBytesMax) return "has more than 256 bytes";
  bool blank = true;
  for (std::size_t at = 0; at < id.size();) {
    const char32_t character = base::next_character(id, at);
    if (character < 0x20 || (character >= 0x7f && character < 0xa0)) {
      return "has a control character";
    }
    blank = blank && base::is_white_space(character);
  }
  return blank ? "is blank" : std::string_view();
}

bool is_lower_snake(std::string_view id) {
  const auto rest = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !id.empty() && id.front() >= 'a' && id.front() <= 'z' && std::ranges::all_of(id, rest);
}

class PublishReader {
 public:
  PublishReader(Draft& draft, PublishDraft& entry)
      : draft_(draft), errors_(draft.errors), entry_(entry) {}

  void read() {
    check_id();
    entry_.fields = read_fields(entry_.at, publish_table(), errors_);
    if (!entry_.at.is_mapping()) return;
    if (entry_.fields["from"].good) {
      entry_.from = read_origin(entry_.fields["from"].value, /*datasets=*/false, errors_);
      find_origin(draft_, entry_.from);
    }
    if (entry_.fields["schema"].good) read_schema(entry_.fields["schema"].value);
    if (entry_.fields["checks"].value.is_sequence()) read_checks(entry_.fields["checks"].value);
  }

 private:
  void check_id() {
    const std::string_view id = entry_.at.key();
    if (const std::string_view fault = id_fault(id); !fault.empty()) {
      errors_.at_key(entry_.at, code::kPattern,
                     {.detail = "a dataset's name " + std::string(fault)});
      return;
    }
    if (!is_lower_snake(id)) {
      draft_.warnings.at_key(entry_.at, code::kDatasetNameStyle,
                             {.detail = "lower_snake_case is what most datasets are called in"});
    }
    const KnownNames* known = draft_.context.known;
    if (known != nullptr && known->owned_by_others.contains(id)) {
      errors_.at_key(entry_.at, code::kDatasetOwned,
                     {.detail = "another DAG publishes " + shown(id)});
    }
  }

  void read_schema(YamlValue written) {
    entry_.schema = read_fields(written, schema_table(), errors_, {.value_code = code::kSchema});
    const FieldSet& schema = entry_.schema;
    if (!schema["columns"].there()) return;
    auto columns = read_columns(schema["columns"].value, errors_, code::kSchema);
    if (!columns) return;
    TableSchema table{.columns = *std::move(columns), .unique = {}};
    bool good = schema["unique"].good && !schema["indexes"].bad();
    if (schema["unique"].good) {
      for (const YamlValue item : schema["unique"].value) {
        good = check_column(table, item, /*may_be_null=*/false) && good;
        table.unique.emplace_back(item.text());
      }
    }
    if (schema["indexes"].good) {
      for (const YamlValue index : schema["indexes"].value) {
        good = read_index(table, index) && good;
      }
    }
    if (good) entry_.table = std::move(table);
  }

  bool read_index(TableSchema& table, YamlValue index) {
    if (!index.is_sequence() || index.size() == 0) {
      if (index.kind() == YamlKind::Null) return refuse_null(index, errors_);
      const bool list = index.is_sequence();
      errors_.at_value(index, list ? code::kSchema : code::kType,
                       {.detail = list ? "an index has at least one column"
                                       : "an index is a list of columns, not " +
                                             std::string(kind_words(index))});
      return false;
    }
    bool good = true;
    std::vector<std::string>& columns = table.indexes.emplace_back();
    for (const YamlValue item : index) {
      good = check_column(table, item, /*may_be_null=*/true) && good;
      const bool repeated = std::ranges::find(columns, item.text()) != columns.end();
      if (repeated && item.is_scalar()) {
        errors_.at_value(item, code::kDuplicateItem,
                         {.detail = shown(item.text()) + " stands here a second time"});
        good = false;
      }
      columns.emplace_back(item.text());
    }
    return good;
  }

  bool check_column(const TableSchema& table, YamlValue item, bool may_be_null) {
    if (!item.is_scalar()) {
      if (item.kind() == YamlKind::Null) return refuse_null(item, errors_);
      errors_.at_value(item, code::kType,
                       {.detail = "needs a column's name, not " + std::string(kind_words(item))});
      return false;
    }
    const auto column = std::ranges::find(table.columns, item.text(), &Column::name);
    if (column != table.columns.end() && (may_be_null || !column->nullable)) return true;
    std::vector<std::string_view> names;
    names.reserve(table.columns.size());
    for (const Column& known : table.columns) names.push_back(known.name);
    const bool unknown = column == table.columns.end();
    errors_.at_value(item, code::kSchema,
                     {.detail = shown(item.text()) + (unknown ? " is none of the columns"
                                                              : " may be null, so it is no key"),
                      .hint = unknown && errors_.wants_hints() ? nearest_of(item.text(), names)
                                                               : std::string()});
    return false;
  }

  void read_checks(YamlValue list) {
    std::set<std::string> names;
    for (const YamlValue item : list) {
      CheckDraft& check = entry_.checks.emplace_back();
      check.fields = read_fields(item, check_table(), errors_);
      if (!item.is_mapping() || !check.fields["kind"].good) continue;
      check_kind(check.fields);
      check.name = check_name(check.fields);
      if (check.fields["name"].bad() || names.insert(check.name).second) continue;
      const Field& name = check.fields["name"];
      errors_.at_value(name.there() ? name.value : item, code::kDuplicateItem,
                       {.detail = "there is a check " + shown(check.name) + " before"});
    }
  }

  static std::string check_name(const FieldSet& check) {
    if (check["name"].good) return std::string(check["name"].text());
    std::string name(check["kind"].text());
    if (check["column"].good) name += '_' + std::string(check["column"].text());
    return name;
  }

  /// The keys that belong to a kind: those it needs, and those it may have.
  void check_kind(const FieldSet& check) {
    struct KindKey {
      std::string_view kind;
      std::string_view key;
      bool required;
    };
    constexpr std::array<KindKey, 7> kKeys = {{{"row_count", "max_drift", false},
                                               {"row_count", "min_rows", false},
                                               {"null_share", "column", true},
                                               {"null_share", "max", true},
                                               {"freshness", "max_lag", true},
                                               {"freshness", "column", false},
                                               {"sql", "sql", true}}};
    const std::string_view kind = check["kind"].text();
    for (const std::string_view key :
         {"max_drift", "min_rows", "column", "max", "max_lag", "sql"}) {
      const auto mine = std::ranges::find_if(
          kKeys, [&](const KindKey& known) { return known.kind == kind && known.key == key; });
      if (mine == kKeys.end() && check[key].there()) {
        errors_.at_key(check[key].value, code::kNotApplicable,
                       {.detail = '`' + std::string(key) + "` has no meaning in a check of kind `" +
                                  std::string(kind) + '`'});
      }
      if (mine != kKeys.end() && mine->required && !check[key].there()) {
        errors_.missing_from(
            check.mapping(), key, code::kMissingField,
            "a check of kind `" + std::string(kind) + "` needs `" + std::string(key) + '`');
      }
    }
  }

  Draft& draft_;
  FaultList& errors_;
  PublishDraft& entry_;
};

}  // namespace

void read_publish(Draft& draft) {
  const Field& publish = draft.document["publish"];
  if (!publish.good) return;
  std::set<std::pair<std::size_t, std::int64_t>> outputs;
  for (const YamlValue entry_at : publish.value) {
    PublishDraft& entry = draft.publish.emplace_back();
    entry.at = entry_at;
    PublishReader(draft, entry).read();
    draft.publish_by_id.emplace(entry_at.key(), draft.publish.size() - 1);
    if (!entry.from.job || outputs.emplace(*entry.from.job, entry.from.output).second) continue;
    draft.errors.at_value(entry.fields["from"].value, code::kOutputPublishedTwice,
                          {.detail = "this output has a name already; one output, one dataset"});
  }
}

}  // namespace weir::dispatcher
