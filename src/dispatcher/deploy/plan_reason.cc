// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/deploy/plan_reason.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/canonical_json.h"
#include "dispatcher/dagfile/normalise.h"

namespace weir::dispatcher {
namespace {

bool same(JsonValue one, JsonValue other) {
  if (one.missing() || other.missing()) return one.missing() == other.missing();
  return base::canonical_json(one) == base::canonical_json(other);
}

std::vector<JsonValue> items_of(JsonValue list) {
  std::vector<JsonValue> items;
  for (const JsonValue item : list) items.push_back(item);
  return items;
}

/// `inputs[i]` of what the file says at one place; missing where it says nothing.
JsonValue input_at(JsonValue job, std::size_t index) {
  const std::vector<JsonValue> inputs = items_of(job.find("inputs"));
  return index < inputs.size() ? inputs[index] : JsonValue();
}

std::string changed_input(JsonValue before, JsonValue after, JsonValue job_before,
                          JsonValue job_after) {
  const std::vector<JsonValue> old_inputs = items_of(before.find("inputs"));
  const std::vector<JsonValue> new_inputs = items_of(after.find("inputs"));
  bool upstream = false;
  for (std::size_t i = 0; i < std::max(old_inputs.size(), new_inputs.size()); ++i) {
    const bool both = i < old_inputs.size() && i < new_inputs.size();
    if (both && same(old_inputs[i], new_inputs[i])) continue;
    if (!both || !same(input_at(job_before, i), input_at(job_after, i))) {
      return "inputs[" + std::to_string(i) + "]";
    }
    upstream = true;
  }
  return upstream ? "upstream" : "";
}

}  // namespace

std::string reason_of_change(std::string_view definition_json, const JobNow& now) {
  const JsonDocument before = parse_written(definition_json);
  const JsonDocument core = parse_written(now.core_json);
  const JsonValue core_before = before.root().find("core");
  for (const JsonValue field : core.root()) {
    if (!same(core_before.find(field.key()), field)) return std::string(field.key());
  }
  const JsonDocument node = parse_written(now.node_json);
  const JsonValue node_before = before.root().find("node");
  const std::string_view strategy = "execution_strategy";
  if (!same(node_before.find(strategy), node.root().find(strategy))) return std::string(strategy);
  return changed_input(node_before, node.root(), before.root(), now.normalised);
}

bool same_inputs(std::string_view definition_json, const JobNow& now) {
  const JsonDocument before = parse_written(definition_json);
  const JsonDocument node = parse_written(now.node_json);
  return same(before.root().find("node").find("inputs"), node.root().find("inputs"));
}

}  // namespace weir::dispatcher
