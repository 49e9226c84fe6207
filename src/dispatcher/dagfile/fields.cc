// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dagfile/fields.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "base/assert.h"
#include "base/canonical_number.h"
#include "base/json_token.h"
#include "dispatcher/dagfile/codes.h"
#include "dispatcher/dagfile/limits.h"

namespace weir::dispatcher {
namespace {

/// Reads one mapping.
class FieldReader {
 public:
  FieldReader(YamlValue mapping, const FieldTable& table, FaultList& faults,
              const FieldReading& reading)
      : table_(table), faults_(faults), reading_(reading), set_(mapping, table.rules) {}

  FieldSet read() {
    if (!require_mapping(set_.mapping(), faults_, coded(code::kType))) return set_;
    for (const YamlValue member : set_.mapping()) read_member(member);
    for (std::size_t i = 0; reading_.tell_missing && i < table_.rules.size(); ++i) {
      if (table_.rules[i].required && !set_.at(i).there()) miss(table_.rules[i]);
    }
    return set_;
  }

 private:
  std::string_view coded(std::string_view code) const {
    if (!reading_.only_code.empty()) return reading_.only_code;
    const bool of_value = code == code::kValue || code == code::kRange || code == code::kPattern ||
                          code == code::kLimit;
    return of_value && !reading_.value_code.empty() ? reading_.value_code : code;
  }

  void miss(const FieldRule& rule) {
    faults_.missing_from(set_.mapping(), rule.name, coded(code::kMissingField),
                         "`" + std::string(rule.name) + "` is missing");
  }

  void read_member(YamlValue member) {
    for (std::size_t i = 0; i < table_.rules.size(); ++i) {
      if (table_.rules[i].name != member.key()) continue;
      Field& field = set_.at(i);
      field.value = member;
      field.good = take(table_.rules[i], field);
      return;
    }
    refuse_member(member);
  }

  void refuse_member(YamlValue member) {
    if (std::ranges::find(table_.reserved, member.key()) != table_.reserved.end()) {
      faults_.at_key(member, coded(code::kReserved),
                     {.detail = shown(member.key()) + " is reserved and has no meaning here"});
      return;
    }
    FaultList::Told told{.detail = "there is no field " + shown(member.key()) + " here"};
    if (faults_.wants_hints()) told.hint = nearest_of(member.key(), names());
    faults_.at_key(member, coded(code::kUnknownField), std::move(told));
  }

  std::vector<std::string_view> names() const {
    std::vector<std::string_view> names;
    names.reserve(table_.rules.size());
    for (const FieldRule& rule : table_.rules) names.push_back(rule.name);
    return names;
  }

  bool refuse(YamlValue value, std::string_view code, std::string detail, std::string hint = {}) {
    faults_.at_value(value, coded(code), {std::move(detail), std::move(hint)});
    return false;
  }

  bool refuse_type(YamlValue value, std::string_view wanted) {
    if (value.kind() == YamlKind::Refused) return false;
    if (value.kind() == YamlKind::Null) return refuse_null(value, faults_);
    return refuse(value, code::kType,
                  "needs " + std::string(wanted) + ", not " + std::string(kind_words(value)));
  }

  bool take(const FieldRule& rule, Field& field) {
    const YamlValue value = field.value;
    switch (rule.type) {
      case FieldType::Text:
        return take_text(rule, value);
      case FieldType::Integer:
        return take_integer(rule, field);
      case FieldType::Number:
        return take_number(rule, field);
      case FieldType::Boolean:
        return take_boolean(field);
      case FieldType::Duration:
        return take_duration(rule, field);
      case FieldType::TextList:
        return take_texts(rule, value);
      case FieldType::List:
        return value.is_sequence() ? take_size(rule, value) : refuse_type(value, "a list");
      case FieldType::Mapping:
        return value.is_mapping() ? take_size(rule, value) : refuse_type(value, "a mapping");
      case FieldType::Any:
        return true;
    }
    return false;
  }

  bool take_text(const FieldRule& rule, YamlValue value) {
    if (!value.is_scalar()) return refuse_type(value, "a text");
    if (reading_.typed_scalars && free_scalar_kind(value) != ScalarKind::Text) {
      return refuse_type(value, "a text; put it in quotes");
    }
    const std::string_view text = value.text();
    if (std::ranges::find(rule.reserved_values, text) != rule.reserved_values.end()) {
      return refuse(value, code::kReserved, shown(text) + " is reserved and cannot be used yet");
    }
    if (!rule.values.empty() && std::ranges::find(rule.values, text) == rule.values.end()) {
      return refuse(value, code::kValue, shown(text) + " is none of " + one_of(rule.values),
                    faults_.wants_hints() ? nearest_of(text, rule.values) : std::string());
    }
    if (rule.pattern != nullptr && !rule.pattern->matches(text)) {
      return refuse(value, code::kPattern,
                    shown(text) + " does not match " + std::string(rule.pattern->regex));
    }
    return true;
  }

  bool take_integer(const FieldRule& rule, Field& field) {
    const YamlValue value = field.value;
    if (value.kind() != YamlKind::Plain || !is_integer_text(value.text())) {
      return refuse_type(value, "a whole number");
    }
    const std::int64_t least = rule.bounded() ? rule.min : -kWireIntegerMax;
    const std::int64_t most = rule.bounded() ? rule.max : kWireIntegerMax;
    const std::optional<std::int64_t> number = parse_integer(value.text());
    if (!number || *number < least || *number > most) {
      return refuse(value, code::kRange,
                    "must be from " + std::to_string(least) + " to " + std::to_string(most));
    }
    field.integer = *number;
    return true;
  }

  bool take_number(const FieldRule& rule, Field& field) {
    const YamlValue value = field.value;
    const ScalarKind kind = value.is_scalar() ? free_scalar_kind(value) : ScalarKind::Text;
    if (kind != ScalarKind::Integer && kind != ScalarKind::Double) {
      return refuse_type(value, "a number");
    }
    field.number = base::parse_double(value.text());
    const bool inside = !rule.bounded() || (field.number >= static_cast<double>(rule.min) &&
                                            field.number <= static_cast<double>(rule.max));
    if (inside && std::isfinite(field.number)) return true;
    return refuse(value, code::kRange,
                  rule.bounded() ? "must be from " + std::to_string(rule.min) + " to " +
                                       std::to_string(rule.max)
                                 : "is too large");
  }

  bool take_boolean(Field& field) {
    const YamlValue value = field.value;
    if (value.kind() != YamlKind::Plain || free_scalar_kind(value) != ScalarKind::Boolean) {
      return refuse_type(value, "true or false");
    }
    field.boolean = value.text() == "true";
    return true;
  }

  bool take_duration(const FieldRule& rule, Field& field) {
    const YamlValue value = field.value;
    if (!value.is_scalar()) return refuse_type(value, "a duration such as 5m");
    const std::optional<std::int64_t> span = parse_duration_ms(value.text());
    if (!span) {
      return refuse(value, code::kPattern,
                    shown(value.text()) + " is no duration such as 500ms, 30s, 5m, 2h or 7d");
    }
    if (rule.bounded() && (*span < rule.min || *span > rule.max)) {
      return refuse(
          value, code::kRange,
          "must be from " + std::to_string(rule.min) + "ms to " + std::to_string(rule.max) + "ms");
    }
    field.integer = *span;
    return true;
  }

  bool take_size(const FieldRule& rule, YamlValue value) {
    const auto size = static_cast<std::int64_t>(value.size());
    if (!rule.bounded() || (size >= rule.min && size <= rule.max)) return true;
    return refuse(value, code::kLimit,
                  "has " + std::to_string(size) + " entries; must be " + std::to_string(rule.min) +
                      " to " + std::to_string(rule.max));
  }

  bool take_texts(const FieldRule& rule, YamlValue list) {
    if (!list.is_sequence()) return refuse_type(list, "a list of texts");
    bool good = take_size(rule, list);
    std::vector<std::string_view> seen;
    for (const YamlValue item : list) {
      if (!item.is_scalar()) {
        good = refuse_type(item, "a text");
      } else if (rule.pattern != nullptr && !rule.pattern->matches(item.text())) {
        good = refuse(item, code::kPattern,
                      shown(item.text()) + " does not match " + std::string(rule.pattern->regex));
      } else {
        seen.push_back(item.text());
      }
    }
    return distinct(list, seen) && good;
  }

  /// Sorting finds whether any is repeated; only then each is looked for.
  bool distinct(YamlValue list, std::vector<std::string_view> texts) {
    std::ranges::sort(texts);
    if (std::ranges::adjacent_find(texts) == texts.end()) return true;
    std::vector<std::string_view> before;
    for (const YamlValue item : list) {
      if (!item.is_scalar()) continue;
      const auto place = std::ranges::lower_bound(before, item.text());
      if (place != before.end() && *place == item.text()) {
        refuse(item, code::kDuplicateItem, shown(item.text()) + " stands here a second time");
      } else {
        before.insert(place, item.text());
      }
    }
    return false;
  }

  const FieldTable& table_;
  FaultList& faults_;
  const FieldReading& reading_;
  FieldSet set_;
};

}  // namespace

const Field& FieldSet::operator[](std::string_view name) const {
  static const Field kAbsent;
  if (rules_.empty()) return kAbsent;
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (rules_[i].name == name) return fields_[i];
  }
  WEIR_ASSERT(false);
  return kAbsent;
}

FieldSet read_fields(YamlValue mapping, const FieldTable& table, FaultList& faults,
                     const FieldReading& reading) {
  return FieldReader(mapping, table, faults, reading).read();
}

bool refuse_null(YamlValue value, FaultList& faults) {
  faults.at_value(value, code::kType, {.detail = "has no value; null is none"});
  return false;
}

bool require_mapping(YamlValue value, FaultList& faults, std::string_view code) {
  if (value.is_mapping()) return true;
  if (value.kind() == YamlKind::Null) return refuse_null(value, faults);
  if (value.kind() != YamlKind::Refused) {
    faults.at_value(value, code,
                    {.detail = "needs a mapping, not " + std::string(kind_words(value))});
  }
  return false;
}

std::string_view kind_words(YamlValue value) {
  switch (value.kind()) {
    case YamlKind::Null:
    case YamlKind::Refused:
      return "nothing";
    case YamlKind::Quoted:
      return "a quoted text";
    case YamlKind::Sequence:
      return "a list";
    case YamlKind::Mapping:
      return "a mapping";
    case YamlKind::Plain:
      break;
  }
  switch (free_scalar_kind(value)) {
    case ScalarKind::Integer:
      return "a whole number";
    case ScalarKind::Double:
      return "a number";
    case ScalarKind::Boolean:
      return "true or false";
    case ScalarKind::Text:
      break;
  }
  return "a text";
}

ScalarKind free_scalar_kind(YamlValue scalar) {
  if (scalar.kind() != YamlKind::Plain) return ScalarKind::Text;
  switch (base::scalar_kind(scalar.text(), /*infinities=*/false).value_or(JsonKind::Text)) {
    case JsonKind::Integer:
      return ScalarKind::Integer;
    case JsonKind::Double:
      return ScalarKind::Double;
    case JsonKind::True:
    case JsonKind::False:
      return ScalarKind::Boolean;
    default:
      return ScalarKind::Text;
  }
}

bool is_integer_text(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return false;
  return std::ranges::all_of(text, [](char byte) { return byte >= '0' && byte <= '9'; });
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  constexpr std::size_t kDigitsMax = 18;
  if (!is_integer_text(text) || text.size() > kDigitsMax + (text.front() == '-' ? 1 : 0)) return {};
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::optional<std::int64_t> parse_duration_ms(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0 || text.front() == '0') return {};
  const std::string_view unit = text.substr(digits);
  struct Unit {
    std::string_view name;
    std::int64_t ms;
  };
  constexpr std::array<Unit, 5> kUnits = {
      {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
  for (const Unit& known : kUnits) {
    if (known.name != unit) continue;
    const std::optional<std::int64_t> count = parse_integer(text.substr(0, digits));
    if (!count || *count > kDurationMsMax / known.ms) return kDurationMsMax;
    return *count * known.ms;
  }
  return {};
}

}  // namespace weir::dispatcher
