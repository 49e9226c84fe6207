// SPDX-License-Identifier: Apache-2.0
#include "server/config/config_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "base/text.h"
#include "server/config/limits.h"

namespace weir::server {
namespace {

std::string_view kind_words(ValueKind kind) {
  switch (kind) {
    case ValueKind::Text:
      return "a text";
    case ValueKind::Integer:
      return "a whole number";
    case ValueKind::Number:
      return "a number";
    case ValueKind::Boolean:
      return "true or false";
    case ValueKind::TextList:
      return "a list of texts, as [a, b]";
    case ValueKind::TextMap:
      return "a mapping of texts, as {name: value}";
  }
  return "";
}

/// Collects the faults of one value.
class Converter {
 public:
  Converter(const KeyDescription& description, const std::string& label,
            std::vector<ValueFault>& faults)
      : description_(description), label_(label), faults_(faults), before_(faults.size()) {}

  std::optional<ConfigValue> convert(const YamlNode& node) {
    std::optional<ConfigValue> value;
    switch (description_.kind) {
      case ValueKind::Text:
        value = text(node);
        break;
      case ValueKind::Integer:
        value = integer(node);
        break;
      case ValueKind::Number:
        value = number(node);
        break;
      case ValueKind::Boolean:
        value = boolean(node);
        break;
      case ValueKind::TextList:
        value = text_list(node);
        break;
      case ValueKind::TextMap:
        value = text_map(node);
        break;
    }
    if (faults_.size() > before_) return {};
    return value;
  }

 private:
  std::optional<ConfigValue> text(const YamlNode& node) {
    if (node.kind != YamlKind::Scalar) return wrong_kind(node);
    check_allowed(node);
    return node.text;
  }

  std::optional<ConfigValue> integer(const YamlNode& node) {
    std::int64_t value = 0;
    const char* end = node.text.data() + node.text.size();
    const auto [stop, error] = std::from_chars(node.text.data(), end, value);
    if (node.kind != YamlKind::Scalar || stop != end || error == std::errc::invalid_argument) {
      return wrong_kind(node);
    }
    if (error == std::errc::result_out_of_range) return out_of_range(node);
    check_bounds(static_cast<double>(value), node);
    return value;
  }

  std::optional<ConfigValue> number(const YamlNode& node) {
    double value = 0;
    const char* end = node.text.data() + node.text.size();
    const auto [stop, error] = std::from_chars(node.text.data(), end, value);
    if (node.kind != YamlKind::Scalar || stop != end || error == std::errc::invalid_argument ||
        std::isinf(value) || std::isnan(value)) {
      return wrong_kind(node);
    }
    if (error == std::errc::result_out_of_range) return out_of_range(node);
    check_bounds(value, node);
    return value;
  }

  std::optional<ConfigValue> boolean(const YamlNode& node) {
    const std::string word = base::lower_ascii(node.text);
    const bool truth = word == "true" || word == "yes" || word == "on" || word == "1";
    const bool denial = word == "false" || word == "no" || word == "off" || word == "0";
    if (node.kind != YamlKind::Scalar || (!truth && !denial)) return wrong_kind(node);
    return truth;
  }

  std::optional<ConfigValue> text_list(const YamlNode& node) {
    const YamlNode sequence = node.kind == YamlKind::Scalar ? written_list(node) : node;
    if (sequence.kind != YamlKind::Sequence) return wrong_kind(node);
    std::vector<std::string> list;
    for (const YamlNode& element : sequence.children) {
      if (element.kind == YamlKind::Scalar) {
        check_allowed(element);
      } else {
        wrong_kind(element);
      }
      list.push_back(element.text);
    }
    return list;
  }

  std::optional<ConfigValue> text_map(const YamlNode& node) {
    if (node.kind != YamlKind::Mapping) return wrong_kind(node);
    std::map<std::string, std::string> map;
    for (const YamlNode& value : node.children) {
      if (value.kind != YamlKind::Scalar && value.kind != YamlKind::Null) wrong_kind(value);
      if (!map.emplace(value.key, value.text).second) {
        add("duplicate_key", value.key_place,
            fmt::format("`{}` has `{}` twice", label_, value.key));
      }
    }
    return map;
  }

  /// A list written as one text has one place for all its elements.
  static YamlNode written_list(const YamlNode& node) {
    YamlNode made = value_of_text(ValueKind::TextList, node.text);
    made.place = node.place;
    for (YamlNode& element : made.children) element.place = node.place;
    return made;
  }

  void check_allowed(const YamlNode& node) {
    const std::vector<std::string>& allowed = description_.allowed;
    if (allowed.empty() || std::ranges::find(allowed, node.text) != allowed.end()) return;
    add("value_not_allowed", node.place,
        fmt::format("`{}` must be one of {}{}", label_, base::join(allowed, ", "), not_but(node)));
  }

  void check_bounds(double value, const YamlNode& node) {
    const bool low = description_.at_least && value < *description_.at_least;
    const bool high = description_.at_most && value > *description_.at_most;
    if (low || high) out_of_range(node);
  }

  std::optional<ConfigValue> out_of_range(const YamlNode& node) {
    std::string bounds = "must fit into 64 bits";
    if (description_.at_least && description_.at_most) {
      bounds = fmt::format("must be from {} to {}", *description_.at_least, *description_.at_most);
    } else if (description_.at_least) {
      bounds = fmt::format("must be at least {}", *description_.at_least);
    } else if (description_.at_most) {
      bounds = fmt::format("must be at most {}", *description_.at_most);
    }
    add("out_of_range", node.place, fmt::format("`{}` {}{}", label_, bounds, not_but(node)));
    return {};
  }

  std::optional<ConfigValue> wrong_kind(const YamlNode& node) {
    add("wrong_kind", node.place,
        fmt::format("`{}` needs {}{}", label_, kind_words(description_.kind), not_but(node)));
    return {};
  }

  /// ", not <what it is>".
  std::string not_but(const YamlNode& node) const {
    switch (node.kind) {
      case YamlKind::Null:
        return ", not nothing";
      case YamlKind::Sequence:
        return ", not a list";
      case YamlKind::Mapping:
        return ", not a mapping";
      case YamlKind::Scalar:
        break;
    }
    if (description_.secret) return "";
    std::string shown = node.text.substr(0, kQuotedValueMax);
    if (shown.size() < node.text.size()) shown += "...";
    return fmt::format(", not `{}`", shown);
  }

  void add(std::string reason, TextPlace place, std::string text) {
    faults_.push_back({std::move(reason), place, std::move(text)});
  }

  const KeyDescription& description_;
  const std::string& label_;
  std::vector<ValueFault>& faults_;
  const std::size_t before_;
};

bool names_a_secret(std::string_view name) {
  const std::string lower = base::lower_ascii(name);
  return std::ranges::any_of(std::initializer_list<std::string_view>{"password", "secret", "token"},
                             [&](std::string_view word) { return lower.contains(word); });
}

std::string show_map(const std::map<std::string, std::string>& map) {
  std::vector<std::string> pairs;
  pairs.reserve(map.size());
  for (const auto& [name, value] : map) {
    pairs.push_back(
        name + ": " +
        (names_a_secret(name) ? std::string(Secret::shown()) : without_password(value)));
  }
  return "{" + base::join(pairs, ", ") + "}";
}

}  // namespace

std::optional<ConfigValue> convert_value(const KeyDescription& description,
                                         const std::string& label, const YamlNode& node,
                                         std::vector<ValueFault>& faults) {
  return Converter(description, label, faults).convert(node);
}

YamlNode value_of_text(ValueKind kind, const std::string& text) {
  const std::string_view trimmed = base::trim(text);
  const bool flow = (kind == ValueKind::TextList && trimmed.starts_with('[')) ||
                    (kind == ValueKind::TextMap && trimmed.starts_with('{'));
  if (flow) {
    auto read = read_yaml(text);
    if (auto* node = std::get_if<YamlNode>(&read)) return std::move(*node);
  }
  YamlNode scalar = {.kind = YamlKind::Scalar, .text = text};
  if (flow || kind != ValueKind::TextList) return scalar;
  YamlNode list = {.kind = YamlKind::Sequence};
  if (trimmed.empty()) return list;
  for (const std::string_view piece : base::split(trimmed, ',')) {
    list.children.push_back({.kind = YamlKind::Scalar, .text = std::string(base::trim(piece))});
  }
  return list;
}

std::string show_value(const KeyDescription& description, const ConfigValue& value) {
  if (description.secret) return std::string(Secret::shown());
  struct Show {
    std::string operator()(const std::string& text) const { return without_password(text); }
    std::string operator()(std::int64_t number) const { return std::to_string(number); }
    std::string operator()(double number) const { return fmt::format("{}", number); }
    std::string operator()(bool truth) const { return truth ? "true" : "false"; }
    std::string operator()(const std::vector<std::string>& list) const {
      return base::join(list, ", ");
    }
    std::string operator()(const std::map<std::string, std::string>& map) const {
      return show_map(map);
    }
  };
  return std::visit(Show(), value);
}

}  // namespace weir::server
