// SPDX-License-Identifier: Apache-2.0
#include "graph/lint/param_rules.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/canonical_json.h"
#include "base/canonical_number.h"
#include "graph/lint/limits.h"
#include "graph/node_parts.h"
#include "graph/tag_query.h"

namespace weir::graph {
namespace {

/// The digits of a token that count: without sign, point, exponent, and zeros at either end.
std::string significant_digits(std::string_view token) {
  std::string digits(token.substr(0, token.find_first_of("eE")));
  std::erase_if(digits, [](char byte) { return byte < '0' || byte > '9'; });
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  digits.erase(digits.find_last_not_of('0') + 1);
  return digits;
}

std::string canonical_number(std::string_view token) {
  std::string text;
  base::append_canonical_number(text, token);
  return text;
}

/// Walks the parameters of one node.
class ParamsLint {
 public:
  ParamsLint(const std::string& node_id, bool numbers, FindingList& findings)
      : node_id_(node_id), numbers_(numbers), findings_(findings) {}

  void walk(JsonValue value, const std::string& path) {
    if (value.is_object()) {
      for (const JsonValue member : value) walk_member(member, path);
    } else if (value.is_array()) {
      std::size_t index = 0;
      for (const JsonValue item : value) walk(item, base::json_pointer(path, index++));
    } else if (numbers_ && value.is_number()) {
      check_number(value, path);
    }
  }

  /// Of what counts whole units only.
  void check_whole(JsonValue value, const std::string& path) {
    if (!value.is_number() || value.kind() != JsonKind::Double) return;
    const IntegerReading reading = read_integer(value);
    const double number = base::parse_double(value.text());
    if (reading.state != IntegerState::Ok || std::trunc(number) == number) return;
    add(value, path, "is read as " + std::to_string(reading.value) + ": a fraction is cut off",
        "write a whole number");
  }

 private:
  void walk_member(JsonValue member, const std::string& path) {
    const std::string pointer = base::json_pointer(path, member.key());
    if (!is_excluded_param(member.key())) {
      walk(member, pointer);
      return;
    }
    findings_.add(
        member,
        {.rule = LintRule::DroppedParam,
         .path = pointer,
         .node_id = node_id_,
         .message =
             "is no part of the node's id: two versions that differ in it alone are one node",
         .mend = "leave it out, or give it another name if it decides the output"});
  }

  void check_number(JsonValue value, const std::string& path) {
    std::string why = inexact_number(value.text());
    if (!why.empty()) add(value, path, std::move(why), "write the number that is meant, or text");
  }

  void add(JsonValue where, const std::string& path, std::string message, std::string mend) {
    findings_.add(where, {.rule = LintRule::InexactNumber,
                          .path = path,
                          .node_id = node_id_,
                          .message = std::move(message),
                          .mend = std::move(mend)});
  }

  const std::string& node_id_;
  const bool numbers_;
  FindingList& findings_;
};

}  // namespace

std::string inexact_number(std::string_view token) {
  if (token.find_first_of(".eE") == std::string_view::npos) return {};
  const double value = base::parse_double(token);
  const std::string digits = significant_digits(token);
  if (std::isinf(value)) return "is beyond the largest number and counts as infinity";
  if (value == 0 && !digits.empty()) return "is below the smallest number and counts as 0";
  if (digits.size() <= kExactDigits) return {};
  return "has " + std::to_string(digits.size()) + " digits, of which a number keeps " +
         std::to_string(kExactDigits) + ": it counts as " + canonical_number(token);
}

void lint_params(const NodeFields& fields, const std::string& path, const std::string& node_id,
                 FindingList& findings) {
  const bool query = fields.node_type.is_text() && fields.node_type.text() == kTagQueryType;
  // Of a TagQueryNode's parameters only the query counts, which has no fractions.
  ParamsLint lint(node_id, !query, findings);
  if (!fields.params.is_null()) {
    lint.walk(fields.params, path + "/params");
  } else if (!query && !fields.config.is_null()) {
    lint.walk(fields.config, path + "/config");
  }
  lint.check_whole(fields.interval, path + "/interval");
  lint.check_whole(fields.period, path + "/period");
}

}  // namespace weir::graph
