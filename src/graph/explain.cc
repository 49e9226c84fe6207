// SPDX-License-Identifier: Apache-2.0
#include "graph/explain.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/text.h"
#include "graph/dag_document.h"
#include "graph/explain_changes.h"
#include "graph/json_reading.h"
#include "graph/limits.h"
#include "graph/tag_query.h"

namespace weir::graph {
namespace {

using Nodes = std::vector<ExplainedNode>;
using Index = std::unordered_map<std::string_view, std::size_t>;

constexpr std::size_t kNone = SIZE_MAX;

/// What a dependency may call a node: the id its document states, or the one its content has.
Index index_by_id(const Nodes& nodes) {
  Index index;
  for (std::size_t at = 0; at < nodes.size(); ++at) {
    if (!nodes[at].stated.empty()) index.try_emplace(nodes[at].stated, at);
  }
  for (std::size_t at = 0; at < nodes.size(); ++at) index.try_emplace(nodes[at].node_id, at);
  return index;
}

std::size_t find_id(const Index& index, std::string_view id) {
  const auto found = index.find(id);
  return found == index.end() ? kNone : found->second;
}

std::string shape_of(const ExplainedNode& node) {
  std::vector<std::string> tags = node.tags;
  std::ranges::sort(tags);
  std::string shape = node.parts.node_type;
  shape += '\x1f';
  shape += std::to_string(node.parts.interval);
  shape += '\x1f';
  shape += base::join(tags, "\x1f");
  return shape;
}

/// Which node of the file belongs to which of the other side.
class Pairing {
 public:
  Pairing(const Nodes& file, const Nodes& other)
      : file_(file),
        other_(other),
        to_other_(file.size(), kNone),
        to_file_(other.size(), kNone),
        paired_by_(file.size()) {
    pair_by_id();
    pair_by_key("name", [](const ExplainedNode& node) { return node.name; });
    pair_by_key("shape", shape_of);
  }

  std::size_t other_of(std::size_t file) const { return to_other_[file]; }
  std::size_t file_of(std::size_t other) const { return to_file_[other]; }
  std::string_view paired_by(std::size_t file) const { return paired_by_[file]; }

 private:
  void pair_by_id() {
    std::unordered_multimap<std::string_view, std::size_t> rest;
    for (std::size_t at = other_.size(); at-- > 0;) rest.emplace(other_[at].node_id, at);
    for (std::size_t at = 0; at < file_.size(); ++at) {
      const auto found = rest.find(file_[at].node_id);
      if (found == rest.end()) continue;
      pair(at, found->second, "id");
      rest.erase(found);
    }
  }

  template <class KeyOf>
  void pair_by_key(std::string_view how, const KeyOf& key_of) {
    std::map<std::string, std::pair<std::vector<std::size_t>, std::vector<std::size_t>>> groups;
    for (std::size_t at = 0; at < file_.size(); ++at) {
      if (to_other_[at] == kNone) groups[key_of(file_[at])].first.push_back(at);
    }
    for (std::size_t at = 0; at < other_.size(); ++at) {
      if (to_file_[at] == kNone) groups[key_of(other_[at])].second.push_back(at);
    }
    for (const auto& [key, group] : groups) {
      if (key.empty() || group.first.size() != 1 || group.second.size() != 1) continue;
      pair(group.first.front(), group.second.front(), how);
    }
  }

  void pair(std::size_t file, std::size_t other, std::string_view how) {
    to_other_[file] = other;
    to_file_[other] = file;
    paired_by_[file] = how;
  }

  const Nodes& file_;
  const Nodes& other_;
  std::vector<std::size_t> to_other_;
  std::vector<std::size_t> to_file_;
  std::vector<std::string_view> paired_by_;
};

/// Explains each node of the file from its counterpart and the nodes it reads.
class Explainer {
 public:
  Explainer(const Nodes& file, const Nodes& other)
      : file_(file),
        other_(other),
        file_ids_(index_by_id(file)),
        other_ids_(index_by_id(other)),
        pairing_(file, other),
        explanations_(file.size()),
        roots_(file.size()) {}

  std::vector<Explanation> explain() {
    for (const std::size_t at : upstream_first()) explain_node(at);
    for (std::size_t at = 0; at < other_.size(); ++at) {
      if (pairing_.file_of(at) != kNone) continue;
      Explanation removed;
      removed.other = &other_[at];
      removed.verdict = Verdict::Removed;
      explanations_.push_back(std::move(removed));
    }
    return std::move(explanations_);
  }

 private:
  /// Where a change starts: the node that has it, which of its changes, and the path.
  struct Root {
    std::size_t node;
    std::size_t rank;
    std::string path;
    friend auto operator<=>(const Root&, const Root&) = default;
  };
  using Roots = std::set<Root>;

  std::vector<std::size_t> upstream_first() const {
    std::vector<std::vector<std::uint32_t>> inputs(file_.size());
    for (std::size_t at = 0; at < file_.size(); ++at) {
      for (const ExplainedInput& input : file_[at].inputs) {
        const std::size_t source = find_id(file_ids_, input.id);
        if (source != kNone) inputs[at].push_back(static_cast<std::uint32_t>(source));
      }
    }
    const Ordering ordering = topological_order(inputs);
    std::vector<std::size_t> order(ordering.order.begin(), ordering.order.end());
    // Nodes that were not read from one file may be in a cycle; then each is explained by itself.
    for (std::size_t at = order.size(); at < file_.size(); ++at) order.push_back(at);
    return order;
  }

  void explain_node(std::size_t at) {
    Explanation& explanation = explanations_[at];
    explanation.node = &file_[at];
    const std::size_t counterpart = pairing_.other_of(at);
    if (counterpart == kNone) {
      explanation.verdict = Verdict::Added;
      keep_root({at, 0, file_[at].places.node}, roots_[at]);
      return;
    }
    explanation.other = &other_[counterpart];
    explanation.paired_by = pairing_.paired_by(at);
    if (explanation.paired_by == "id") return;
    explanation.verdict = Verdict::Differs;
    explanation.changes = part_changes(file_[at], other_[counterpart]);
    for (std::size_t rank = 0; rank < explanation.changes.size(); ++rank) {
      keep_root({at, rank, explanation.changes[rank].path}, roots_[at]);
    }
    explain_dependencies(at, counterpart);
  }

  void explain_dependencies(std::size_t at, std::size_t counterpart) {
    Explanation& explanation = explanations_[at];
    Roots because;
    const auto changes =
        dependency_changes(file_[at], other_[counterpart],
                           [this](std::string_view id) { return counterpart_ids(id); });
    for (const DependencyChange& change : changes) {
      const std::size_t source = find_id(file_ids_, change.new_id);
      const bool added = source != kNone && pairing_.other_of(source) == kNone;
      if (source != kNone && (added || are_paired(change.new_id, change.old_id))) {
        for (const Root& root : roots_[source]) keep_root(root, because);
      } else {
        keep_root({at, explanation.changes.size(), change.path}, because);
      }
      explanation.changes.push_back(as_change(change));
    }
    for (const Root& root : because) {
      explanation.because.push_back(root.path);
      keep_root(root, roots_[at]);
    }
  }

  std::vector<std::string> counterpart_ids(std::string_view new_id) const {
    const std::size_t source = find_id(file_ids_, new_id);
    if (source == kNone || pairing_.other_of(source) == kNone) return {};
    const ExplainedNode& counterpart = other_[pairing_.other_of(source)];
    return {counterpart.stated, counterpart.node_id};
  }

  bool are_paired(std::string_view new_id, std::string_view old_id) const {
    const std::size_t now = find_id(file_ids_, new_id);
    const std::size_t before = find_id(other_ids_, old_id);
    return now != kNone && before != kNone && pairing_.other_of(now) == before;
  }

  /// Keeps the first kBecauseMax roots in document order; the first ones of a union are among the
  /// first ones of its parts, so nothing is lost on the way down.
  static void keep_root(const Root& root, Roots& roots) {
    roots.insert(root);
    if (roots.size() > kBecauseMax) roots.erase(std::prev(roots.end()));
  }

  const Nodes& file_;
  const Nodes& other_;
  const Index file_ids_;
  const Index other_ids_;
  const Pairing pairing_;
  std::vector<Explanation> explanations_;
  std::vector<Roots> roots_;  // of each node's name, at the node itself or upstream
};

PartPlaces places_of(const NodeFields& fields, const DagNode& node) {
  PartPlaces places;
  places.node = base::json_pointer("/nodes", node.index);
  const bool from_config = fields.params.is_null() && !fields.config.is_null();
  places.params = places.node + (from_config ? "/config" : "/params");
  const JsonValue list = dependency_list(fields);
  places.dependencies =
      places.node + "/" + (list.missing() ? std::string("inputs") : std::string(list.key()));
  const std::string compat = scalar_text_or_empty(fields.schema_compat_id).value_or("");
  const bool legacy = base::trim(compat).empty() && !fields.schema_id.is_null();
  places.schema_compat_id = places.node + (legacy ? "/schema_id" : "/schema_compat_id");
  if (node.query) {
    const TagQuerySources sources = tag_query_sources(fields);
    places.query_tags = places.node + std::string(sources.tags.pointer);
    places.match_mode = places.node + std::string(sources.match_mode.pointer);
    places.query_interval = places.node + std::string(sources.interval.pointer);
  }
  return places;
}

}  // namespace

std::string_view verdict_text(Verdict verdict) {
  switch (verdict) {
    case Verdict::Same:
      return "same";
    case Verdict::Differs:
      return "differs";
    case Verdict::Added:
      return "added";
    case Verdict::Removed:
      break;
  }
  return "removed";
}

Result<std::vector<ExplainedNode>> explained_nodes(std::string_view json_or_base64) {
  WEIR_TRY(Dag dag, read_dag(json_or_base64));
  WEIR_TRY(const DagDocument document, open_dag_document(json_or_base64, {}));
  std::vector<JsonValue> entries;
  for (const JsonValue entry : document.tree.root().find("nodes")) entries.push_back(entry);
  std::vector<ExplainedNode> nodes;
  nodes.reserve(dag.nodes.size());
  for (DagNode& node : dag.nodes) {
    const NodeFields fields = node_fields(entries[node.index]);
    ExplainedNode& explained = nodes.emplace_back();
    explained.node_id = node.computed_id.text();
    explained.stated = node.node_id.text();
    explained.name = std::move(node.name);
    explained.tags = std::move(node.tags);
    explained.index = node.index;
    explained.places = places_of(fields, node);
    explained.parts = std::move(node.parts);
    for (Dependency& dependency : read_dependencies(dependency_list(fields))) {
      explained.inputs.push_back({std::move(dependency.id), dependency.index});
    }
  }
  return nodes;
}

std::vector<Explanation> explain(const std::vector<ExplainedNode>& file,
                                 const std::vector<ExplainedNode>& other) {
  return Explainer(file, other).explain();
}

}  // namespace weir::graph
