// SPDX-License-Identifier: Apache-2.0
#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "graph/dag.h"
#include "graph/dag_document.h"
#include "graph/dag_meta.h"
#include "graph/fault_list.h"
#include "graph/identity_check.h"
#include "graph/limits.h"
#include "graph/node_reader.h"

namespace weir::graph {
namespace {

/// Reads the nodes of a document into a Dag: each by itself, then what they are to each other.
class DagReader {
 public:
  DagReader(JsonValue root, const DagLimits& limits, Dag& dag)
      : root_(root), limits_(limits), dag_(dag), reader_(limits, faults_) {}

  Result<void> read() {
    if (!root_.is_object()) {
      faults_.add(root_, {"dag_shape", "", "must be an object with a list of nodes"});
    } else if (const JsonValue nodes = root_.find("nodes"); !nodes.is_array()) {
      faults_.add(nodes.missing() ? root_ : nodes,
                  {"dag_shape", "/nodes", "must be a list of nodes"});
    } else if (nodes.size() > limits_.nodes_max) {
      faults_.add(nodes,
                  {"dag_bounds", "/nodes", "has more than " + std::to_string(limits_.nodes_max)});
    } else {
      read_nodes(nodes);
      order_nodes();
    }
    want_object(root_, "compute_context", "");
    want_object(root_, "meta", "");
    want_object(root_.find("meta"), "compute_context", "/meta");
    if (!faults_.empty()) return refused_graph(std::move(faults_).in_document_order());
    read_dag_meta(root_, sentinels_, dag_);
    dag_.findings = identity_findings(report_);
    close_warnings();
    return {};
  }

 private:
  struct Entry {
    JsonValue value;
    bool sound;
  };

  void want_object(JsonValue holder, std::string_view name, std::string_view path) {
    const JsonValue value = holder.find(name);
    if (value.is_null() || value.is_object()) return;
    faults_.add(value, {"dag_shape", base::json_pointer(path, name), "must be an object"});
  }

  void read_nodes(JsonValue nodes) {
    dag_.nodes.reserve(nodes.size());
    entries_.reserve(nodes.size());
    by_id_.reserve(nodes.size());
    std::uint32_t index = 0;
    for (const JsonValue entry : nodes) {
      const std::uint32_t at = index++;
      if (!entry.is_object()) {
        warn(base::json_pointer("/nodes", at) + " is no object and was skipped");
        continue;
      }
      const NodeFields fields = node_fields(entry);
      if (is_sentinel(fields)) {
        sentinels_.push_back(entry);
        continue;
      }
      read_node(fields, at);
    }
  }

  void read_node(const NodeFields& fields, std::uint32_t index) {
    dag_.crc32 = node_ids_crc32(dag_.crc32, fields.node_id);
    // Made where it stays, taken away again where it turns out to repeat another.
    DagNode& node = dag_.nodes.emplace_back();
    const bool sound = reader_.read(fields, index, node);
    if (sound) {
      static const TagQuerySpec kNoQuery;
      check_node({.fields = fields,
                  .index = index,
                  .node_type = node.parts.node_type,
                  .node_id = node.node_id.view(),
                  .computed = node.computed_id.view(),
                  .query = node.query ? *node.query : kNoQuery},
                 report_);
    }
    const auto known = by_id_.find(node.node_id.view());
    if (!node.node_id.empty() && known == by_id_.end()) {
      by_id_.emplace(node.node_id.view(), static_cast<std::uint32_t>(entries_.size()));
      entries_.push_back({fields.node, sound});
      return;
    }
    if (!node.node_id.empty() && sound && entries_[known->second].sound) {
      unite(dag_.nodes[known->second], node, fields.node);
    }
    dag_.nodes.pop_back();
  }

  /// A repeated id is one node if its meaning is repeated too (section 3.1).
  void unite(DagNode& first, const DagNode& again, JsonValue where) {
    const std::string first_path = base::json_pointer("/nodes", first.index);
    const std::string path = base::json_pointer("/nodes", again.index);
    if (first.canonical != again.canonical || first.schema_hash != again.schema_hash) {
      faults_.add(where, {"node_conflict", path,
                          "has the node_id of " + first_path + ", but another content"});
      return;
    }
    if (!unite_tags(first.tags, again.tags)) {
      faults_.add(where, {"dag_bounds", path + "/tags",
                          "with those of " + first_path + " there are more than " +
                              std::to_string(limits_.tags_max)});
    }
    warn(path + " repeats " + first_path + ": they are one node, their tags united");
  }

  /// Adds the tags that are not there yet, in their order; false, and no more, at the bound.
  bool unite_tags(std::vector<std::string>& tags, const std::vector<std::string>& more) const {
    tags.reserve(tags.size() + more.size());  // so that what `known` looks at stays where it is
    absl::flat_hash_set<std::string_view> known(tags.begin(), tags.end());
    for (const std::string& tag : more) {
      if (!known.insert(tag).second) continue;
      if (tags.size() >= limits_.tags_max) return false;
      tags.push_back(tag);
    }
    return true;
  }

  void order_nodes() {
    std::vector<std::vector<std::uint32_t>> inputs(dag_.nodes.size());
    for (std::size_t at = 0; at < dag_.nodes.size(); ++at) {
      for (const std::string& id : dag_.nodes[at].inputs) {
        const auto known = by_id_.find(id);
        if (known != by_id_.end()) inputs[at].push_back(known->second);
      }
    }
    Ordering ordering = topological_order(inputs);
    dag_.order = std::move(ordering.order);
    if (!ordering.cycle.empty()) refuse_cycle(ordering.cycle);
  }

  void refuse_cycle(const std::vector<std::uint32_t>& cycle) {
    const auto path = [&](std::uint32_t at) {
      return base::json_pointer("/nodes", dag_.nodes[at].index);
    };
    std::string text = "is in a cycle: " + path(cycle.front());
    for (std::size_t step = 1; step < std::min(cycle.size(), kCycleShownMax); ++step) {
      text += " is read by " + path(cycle[step]);
    }
    if (cycle.size() > kCycleShownMax) {
      text += " and so on through " + std::to_string(cycle.size()) + " nodes";
    }
    text += " is read by " + path(cycle.front());
    faults_.add(entries_[cycle.front()].value, {"cycle", path(cycle.front()), std::move(text)});
  }

  void warn(std::string text) {
    ++warnings_;
    if (warnings_ <= kWarningsMax) dag_.warnings.push_back(std::move(text));
  }

  void close_warnings() {
    if (warnings_ <= kWarningsMax) return;
    dag_.warnings.push_back("and " + std::to_string(warnings_ - kWarningsMax) + " more warnings");
  }

  JsonValue root_;
  const DagLimits& limits_;
  Dag& dag_;
  FaultList faults_;
  NodeReader reader_;
  IdentityReport report_;
  std::vector<JsonValue> sentinels_;
  std::vector<Entry> entries_;  // one a node of dag_.nodes
  // Index into dag_.nodes, whose room is reserved at the start: the ids never move.
  absl::flat_hash_map<std::string_view, std::uint32_t> by_id_;
  std::size_t warnings_ = 0;
};

std::size_t memory_of(const std::string& text) {
  return sizeof(text) + (text.capacity() > 15 ? text.capacity() + 1 : 0);
}

std::size_t memory_of(const std::vector<std::string>& texts) {
  std::size_t bytes = 0;
  for (const std::string& text : texts) bytes += memory_of(text);
  return bytes;
}

/// About how much memory a graph takes; cheap rather than exact.
std::size_t memory_of(const Dag& dag) {
  std::size_t bytes = sizeof(Dag) + memory_of(dag.warnings) +
                      dag.findings.size() * sizeof(IdentityFinding) +
                      dag.order.capacity() * sizeof(std::uint32_t);
  for (const DagNode& node : dag.nodes) {
    bytes += sizeof(DagNode) + node.canonical.capacity() + node.parts.params_canon.capacity() +
             node.node_id.text().capacity() + node.computed_id.text().capacity() +
             node.parts.code_hash.capacity() + node.parts.schema_compat_id.capacity() +
             node.schema_hash.capacity() + node.config_hash.capacity() + node.name.capacity();
    bytes += memory_of(node.tags) + memory_of(node.inputs) + memory_of(node.parts.dependencies);
    bytes += node.artifacts.size() * sizeof(Artifact);
    if (node.query) bytes += memory_of(node.query->tags);
  }
  return bytes;
}

Result<DagDocument> parse_submitted(std::string_view submitted, const base::JsonLimits& limits) {
  WEIR_TRY(JsonDocument tree, JsonDocument::parse(submitted, limits));
  return DagDocument{.tree = std::move(tree), .decoded = {}, .submitted = submitted};
}

}  // namespace

Result<DagDocument> open_dag_document(std::string_view json_or_base64, const DagLimits& limits) {
  const base::JsonLimits json_limits{.depth_max = limits.depth_max};
  const std::size_t first = json_or_base64.find_first_not_of(" \t\r\n");
  const bool object = first != std::string_view::npos && json_or_base64[first] == '{';
  if (object) return parse_submitted(json_or_base64, json_limits);
  std::optional<std::string> decoded = base::decode_base64(json_or_base64);
  if (!decoded || decoded->empty()) {
    Result<DagDocument> plain = parse_submitted(json_or_base64, json_limits);
    if (plain.ok() || plain.error().reason() != "dag_not_json") return plain;
    return std::move(plain).error().prepend("neither JSON nor base64 of it");
  }
  Result<JsonDocument> tree = JsonDocument::parse(*decoded, json_limits);
  if (tree.ok()) {
    return DagDocument{
        .tree = *std::move(tree), .decoded = std::move(*decoded), .submitted = json_or_base64};
  }
  if (tree.error().reason() == "dag_not_json") {
    // `null` and `1234` are base64 too; as JSON they are at least that.
    Result<DagDocument> plain = parse_submitted(json_or_base64, json_limits);
    if (plain.ok()) return plain;
  }
  return std::move(tree).error().prepend("taken out of its base64");
}

Result<Dag> read_dag(std::string_view json_or_base64, const DagLimits& limits,
                     const base::Digest* hash) {
  WEIR_TRY(const DagDocument document, open_dag_document(json_or_base64, limits));
  Dag dag;
  const bool known = hash != nullptr && document.decoded.empty();
  dag.json_hash = known ? *hash : base::blake3(document.json());
  WEIR_CHECK(DagReader(document.tree.root(), limits, dag).read());
  dag.bytes = memory_of(dag);
  return dag;
}

std::string node_set_hash(std::vector<std::string_view> ids) {
  std::ranges::sort(ids);
  base::Blake3 hash;
  for (const std::string_view id : ids) hash.update(id).update("\n");
  base::Digest digest{};
  hash.finish(digest);
  return base::to_hex(digest);
}

std::string node_set_hash(const Dag& dag) {
  std::vector<std::string_view> ids;
  ids.reserve(dag.nodes.size());
  for (const DagNode& node : dag.nodes) ids.push_back(node.node_id.view());
  return node_set_hash(std::move(ids));
}

}  // namespace weir::graph
