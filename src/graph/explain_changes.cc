// SPDX-License-Identifier: Apache-2.0
#include "graph/explain_changes.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "base/canonical_json.h"
#include "graph/tag_query.h"

namespace weir::graph {
namespace {

std::string json_text(std::string_view text) {
  std::string json;
  base::append_json_text(json, text);
  return json;
}

std::optional<std::string> json_or_nothing(JsonValue value) {
  if (value.missing()) return std::nullopt;
  return base::canonical_json(value);
}

/// Compares two canonical params, both with sorted keys, down to the innermost values that differ.
class ParamsComparison {
 public:
  ParamsComparison(const ExplainedNode& file, std::vector<Change>& changes)
      : file_(file), changes_(changes) {}

  void compare_root(JsonValue now, JsonValue before) {
    if (file_.parts.node_type != kTagQueryType || !before.is_object()) {
      compare(now, before, file_.places.params);
      return;
    }
    // A query's members stand in the node or in its params, its tags in any order and spelling.
    const std::array<std::pair<std::string_view, std::string_view>, 3> members = {{
        {"interval", file_.places.query_interval},
        {"match_mode", file_.places.match_mode},
        {"query_tags", file_.places.query_tags},
    }};
    for (const auto& [name, path] : members) {
      if (!equal(now.find(name), before.find(name))) {
        add(now.find(name), before.find(name), std::string(path));
      }
    }
    for (const JsonValue member : before) {
      if (!now.find(member.key()).missing()) continue;
      add({}, member, base::json_pointer(file_.places.params, member.key()));
    }
  }

 private:
  // Recursion is as deep as the params, whose depth the DAG's limits bound.
  void compare(JsonValue now, JsonValue before,
               const std::string& path) {  // NOLINT(misc-no-recursion)
    if (equal(now, before)) return;
    if (now.is_object() && before.is_object()) {
      compare_members(now, before, path);
    } else if (now.is_array() && before.is_array()) {
      compare_elements(now, before, path);
    } else {
      add(now, before, path);
    }
  }

  void compare_members(JsonValue now, JsonValue before,  // NOLINT(misc-no-recursion)
                       const std::string& path) {
    for (const JsonValue member : now) {
      compare(member, before.find(member.key()), base::json_pointer(path, member.key()));
    }
    for (const JsonValue member : before) {
      if (!now.find(member.key()).missing()) continue;
      add({}, member, base::json_pointer(path, member.key()));
    }
  }

  void compare_elements(JsonValue now, JsonValue before,  // NOLINT(misc-no-recursion)
                        const std::string& path) {
    auto new_item = now.begin();
    auto old_item = before.begin();
    for (std::size_t at = 0; at < std::max(now.size(), before.size()); ++at) {
      const JsonValue new_value = at < now.size() ? *new_item : JsonValue();
      const JsonValue old_value = at < before.size() ? *old_item : JsonValue();
      compare(new_value, old_value, base::json_pointer(path, at));
      if (at < now.size()) ++new_item;
      if (at < before.size()) ++old_item;
    }
  }

  static bool equal(JsonValue now, JsonValue before) {
    if (now.missing() || before.missing()) return now.missing() && before.missing();
    return base::canonical_json(now) == base::canonical_json(before);
  }

  void add(JsonValue now, JsonValue before, std::string path) {
    changes_.push_back({"params", std::move(path), json_or_nothing(before), json_or_nothing(now)});
  }

  const ExplainedNode& file_;
  std::vector<Change>& changes_;
};

void compare_params(const ExplainedNode& file, const ExplainedNode& other,
                    std::vector<Change>& changes) {
  const std::string& now = file.parts.params_canon;
  const std::string& before = other.parts.params_canon;
  if (now == before) return;
  const base::JsonLimits limits = {.infinities = true};
  const Result<JsonDocument> new_tree = JsonDocument::parse(now, limits);
  const Result<JsonDocument> old_tree = JsonDocument::parse(before, limits);
  if (new_tree.ok() && old_tree.ok()) {
    ParamsComparison(file, changes).compare_root(new_tree->root(), old_tree->root());
  } else {  // a store may hold what we would not write; then the part as a whole is what differs
    changes.push_back({"params", file.places.params, before, now});
  }
}

}  // namespace

std::vector<Change> part_changes(const ExplainedNode& file, const ExplainedNode& other) {
  std::vector<Change> changes;
  const IdentityParts& now = file.parts;
  const IdentityParts& before = other.parts;
  const auto add = [&](std::string_view part, std::string path, std::string old_value,
                       std::string new_value) {
    if (old_value == new_value) return;
    changes.push_back(
        {std::string(part), std::move(path), std::move(old_value), std::move(new_value)});
  };
  const std::string& node = file.places.node;
  add("node_type", node + "/node_type", json_text(before.node_type), json_text(now.node_type));
  add("interval", node + "/interval", std::to_string(before.interval),
      std::to_string(now.interval));
  add("period", node + "/period", std::to_string(before.period), std::to_string(now.period));
  compare_params(file, other, changes);
  add("schema_compat_id", file.places.schema_compat_id, json_text(before.schema_compat_id),
      json_text(now.schema_compat_id));
  add("code_hash", node + "/code_hash", json_text(before.code_hash), json_text(now.code_hash));
  return changes;
}

std::vector<DependencyChange> dependency_changes(const ExplainedNode& file,
                                                 const ExplainedNode& other,
                                                 const CounterpartIds& counterpart_ids) {
  std::multiset<std::string> new_only;
  std::multiset<std::string> old_only;
  std::ranges::set_difference(file.parts.dependencies, other.parts.dependencies,
                              std::inserter(new_only, new_only.end()));
  std::ranges::set_difference(other.parts.dependencies, file.parts.dependencies,
                              std::inserter(old_only, old_only.end()));
  std::vector<DependencyChange> changes;
  for (const ExplainedInput& input : file.inputs) {
    const auto left = new_only.find(input.id);
    if (left == new_only.end()) continue;
    new_only.erase(left);
    changes.push_back({base::json_pointer(file.places.dependencies, input.index), {}, input.id});
  }
  for (DependencyChange& change : changes) {
    for (const std::string& id : counterpart_ids(change.new_id)) {
      const auto same = old_only.find(id);
      if (same == old_only.end()) continue;
      change.old_id = id;
      old_only.erase(same);
      break;
    }
  }
  for (DependencyChange& change : changes) {
    if (!change.old_id.empty() || old_only.empty()) continue;
    change.old_id = *old_only.begin();
    old_only.erase(old_only.begin());
  }
  for (const std::string& old_id : old_only) {
    changes.push_back({file.places.dependencies, old_id, {}});
  }
  return changes;
}

Change as_change(const DependencyChange& change) {
  const auto json = [](const std::string& id) {
    return id.empty() ? std::nullopt : std::optional<std::string>(json_text(id));
  };
  return {"dependencies", change.path, json(change.old_id), json(change.new_id)};
}

}  // namespace weir::graph
