// SPDX-License-Identifier: Apache-2.0
#include "cli/promote/candidate_graph.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/json.h"
#include "graph/dag.h"
#include "graph/dag_document.h"
#include "graph/json_reading.h"

namespace weir::cli {
namespace {

/// The keys that a weight may stand under, in a sentinel and in meta (section 3.3).
constexpr std::array<std::string_view, 3> kWeightKeys = {"traffic_weight", "sentinel_weight",
                                                         "weight"};
constexpr std::string_view kZeroWeight = R"("weight":0)";

bool is_weight(JsonValue member) {
  return std::ranges::find(kWeightKeys, member.key()) != kWeightKeys.end();
}

/// Writes a document anew, with the one change.
class CandidateWriter {
 public:
  CandidateWriter(JsonValue root, const graph::StrategyId& strategy)
      : root_(root),
        nodes_(root.find("nodes")),
        meta_(root.find("meta")),
        sentinel_(graph::sentinel_id(strategy).text()) {
    for (const JsonValue node : nodes_) {
      if (is_sentinel(node)) {
        first_sentinel_ = node.position();
        break;
      }
    }
  }

  std::string write() && {
    value(root_);
    return std::move(out_);
  }

 private:
  static bool is_sentinel(JsonValue node) {
    return node.is_object() && graph::is_sentinel(graph::node_fields(node));
  }

  void value(JsonValue at) {
    switch (at.kind()) {
      case JsonKind::Null:
        out_ += "null";
        break;
      case JsonKind::False:
        out_ += "false";
        break;
      case JsonKind::True:
        out_ += "true";
        break;
      case JsonKind::Integer:
      case JsonKind::Double:
        out_ += at.text();
        break;
      case JsonKind::Text:
        base::append_json_text(out_, at.text());
        break;
      case JsonKind::Array:
        list(at);
        break;
      case JsonKind::Object:
        object(at, !meta_.missing() && at.position() == meta_.position());
        break;
    }
  }

  void list(JsonValue at) {
    const bool of_nodes = at.position() == nodes_.position();
    out_ += '[';
    bool first = true;
    for (const JsonValue item : at) {
      comma(first);
      if (of_nodes && is_sentinel(item)) {
        object(item, /*without_weights=*/true, item.position() == first_sentinel_);
      } else {
        value(item);
      }
    }
    if (of_nodes && !first_sentinel_) {
      comma(first);
      out_ += R"({"node_id":)";
      base::append_json_text(out_, sentinel_);
      out_ += R"(,"node_type":"VersionSentinel",)";
      out_ += kZeroWeight;
      out_ += '}';
    }
    out_ += ']';
  }

  void object(JsonValue at, bool without_weights, bool with_zero = false) {
    out_ += '{';
    bool first = true;
    for (const JsonValue member : at) {
      if (without_weights && is_weight(member)) continue;
      comma(first);
      base::append_json_text(out_, member.key());
      out_ += ':';
      value(member);
    }
    if (with_zero) {
      comma(first);
      out_ += kZeroWeight;
    }
    out_ += '}';
  }

  void comma(bool& first) {
    if (!first) out_ += ',';
    first = false;
  }

  const JsonValue root_;
  const JsonValue nodes_;
  const JsonValue meta_;
  const std::string sentinel_;
  std::optional<std::uint32_t> first_sentinel_;
  std::string out_;
};

}  // namespace

Result<std::string> candidate_json(std::string_view json_or_base64,
                                   const graph::StrategyId& strategy) {
  WEIR_TRY(const graph::DagDocument document, graph::open_dag_document(json_or_base64, {}));
  const JsonValue root = document.tree.root();
  if (!root.is_object() || !root.find("nodes").is_array()) return std::string(document.json());
  return CandidateWriter(root, strategy).write();
}

}  // namespace weir::cli
