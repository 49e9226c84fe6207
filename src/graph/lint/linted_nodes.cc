// SPDX-License-Identifier: Apache-2.0
#include "graph/lint/linted_nodes.h"

#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "graph/fault_list.h"
#include "graph/node_reader.h"
#include "graph/topic.h"

namespace weir::graph {
namespace {

/// What two entries of one node differ in that its id does not see.
std::string differences(const DagNode& one, const DagNode& other) {
  std::vector<std::string> names;
  if (one.tags != other.tags) names.emplace_back("tags");
  if (one.name != other.name) names.emplace_back("name");
  if (one.config_hash != other.config_hash) names.emplace_back("config_hash");
  if (one.bucket != other.bucket) names.emplace_back("bucket");
  if (one.global != other.global) names.emplace_back("global");
  if (one.artifacts != other.artifacts) names.emplace_back("artifacts");
  return base::join(names, ", ");
}

/// The tag queries of a document, and which nodes they read (contract section 3.11).
class TagReaders {
 public:
  void add(const TagQuerySpec& query) {
    if (!query.has_interval || query.tags.empty()) return;
    if (seen_.emplace(query.interval, query.match_all, query.tags).second) {
      queries_.push_back(query);
    }
  }

  bool read(const DagNode& node) const {
    return std::ranges::any_of(queries_, [&](const TagQuerySpec& query) {
      if (query.interval != node.parts.interval) return false;
      const auto has = [&](const std::string& tag) {
        return std::ranges::find(node.tags, tag) != node.tags.end();
      };
      return query.match_all ? std::ranges::all_of(query.tags, has)
                             : std::ranges::any_of(query.tags, has);
    });
  }

 private:
  std::set<std::tuple<std::int64_t, bool, std::vector<std::string>>> seen_;
  std::vector<TagQuerySpec> queries_;
};

}  // namespace

LintedNodes::LintedNodes(JsonValue nodes, const DagLimits& limits) {
  FaultList faults;  // told by whoever reads the whole graph
  NodeReader reader(limits, faults);
  entries_.reserve(nodes.size());
  std::uint32_t index = 0;
  for (const JsonValue value : nodes) {
    const std::uint32_t at = index++;
    if (!value.is_object()) continue;
    const NodeFields fields = node_fields(value);
    if (is_sentinel(fields)) {
      sentinels_.push_back(value);
      continue;
    }
    LintedNode& entry = entries_.emplace_back();
    entry.fields = fields;
    entry.path = base::json_pointer("/nodes", at);
    entry.sound = reader.read(fields, at, entry.node);
    if (!entry.node.node_id.empty()) {
      by_id_.try_emplace(entry.node.node_id.view(),
                         static_cast<std::uint32_t>(entries_.size() - 1));
    }
  }
}

const LintedNode* LintedNodes::definition(std::string_view id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &entries_[found->second];
}

std::vector<std::string> LintedNodes::undefined_inputs() const {
  std::vector<std::string> ids;
  absl::flat_hash_set<std::string_view> seen;
  for (const LintedNode& entry : entries_) {
    for (const std::string& id : entry.node.inputs) {
      if (definition(id) == nullptr && seen.insert(id).second) ids.push_back(id);
    }
  }
  std::ranges::sort(ids);
  return ids;
}

void LintedNodes::lint_united(FindingList& findings) const {
  for (const LintedNode& entry : entries_) {
    const LintedNode* first = definition(entry.node.node_id.view());
    if (first == nullptr || first == &entry || !first->sound || !entry.sound) continue;
    if (first->node.canonical != entry.node.canonical ||
        first->node.schema_hash != entry.node.schema_hash) {
      continue;  // two meanings: another rule
    }
    const std::string apart = differences(first->node, entry.node);
    findings.add(
        entry.fields.node,
        {.rule = LintRule::UnitedNodes,
         .path = entry.path,
         .node_id = entry.node.node_id.text(),
         .message = "is one node with " + first->path + ": " +
                    (apart.empty() ? "they are the same" : "they differ in " + apart + " only"),
         .mend = "tell them apart in params if two streams are meant, else leave one"});
  }
}

void LintedNodes::lint_inputs(const std::vector<std::string>& stored, FindingList& findings) const {
  for (const LintedNode& entry : entries_) {
    const JsonValue list = dependency_list(entry.fields);
    if (!list.is_array()) continue;
    const std::string list_path = base::json_pointer(entry.path, list.key());
    std::vector<JsonValue> items;
    for (const JsonValue item : list) items.push_back(item);
    const auto add = [&](LintRule rule, std::uint32_t index, std::string message,
                         std::string mend) {
      findings.add(items[index], {.rule = rule,
                                  .path = base::json_pointer(list_path, index),
                                  .node_id = entry.node.node_id.text(),
                                  .message = std::move(message),
                                  .mend = std::move(mend)});
    };
    for (const Dependency& input : read_dependencies(list)) {
      const LintedNode* source = definition(input.id);
      if (source != nullptr && source->node.index > entry.node.index) {
        add(LintRule::LateInput, input.index, "is defined after its use, at " + source->path,
            "put " + source->path + " before " + entry.path);
      } else if (source == nullptr && !std::ranges::binary_search(stored, input.id)) {
        add(LintRule::UnknownInput, input.index,
            "'" + input.id + "' is defined neither here nor in the stored graph",
            "define it, correct the id, or submit the graph that defines it first");
      }
    }
  }
}

void LintedNodes::lint_unread(FindingList& findings) const {
  absl::flat_hash_set<std::string_view> read;
  TagReaders readers;
  for (const LintedNode& entry : entries_) {
    read.insert(entry.node.inputs.begin(), entry.node.inputs.end());
    if (entry.node.query) readers.add(*entry.node.query);
  }
  for (const LintedNode& entry : entries_) {
    const DagNode& node = entry.node;
    if (node.node_id.empty() || definition(node.node_id.view()) != &entry) continue;
    if (read.contains(node.node_id.view()) || readers.read(node)) continue;
    if (topic_type_of(node.parts.node_type) == TopicType::TradeExec) continue;
    findings.add(entry.fields.node,
                 {.rule = LintRule::UnreadNode,
                  .path = entry.path,
                  .node_id = node.node_id.text(),
                  .message = "nothing in this graph reads it, and it carries out no trade",
                  .mend = "leave it out, unless another strategy reads its topic"});
  }
}

}  // namespace weir::graph
