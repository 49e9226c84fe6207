// SPDX-License-Identifier: Apache-2.0
#include "cli/plan_text.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "cli/console/console.h"
#include "cli/limits.h"
#include "graph/dag.h"

namespace weir::cli {
namespace {

using Json = nlohmann::ordered_json;

/// How nodes of one decision are listed.
struct Group {
  std::string_view decision;
  std::string_view sign;
  std::string_view word;
  std::string (Paint::*paint)(std::string_view) const;
  bool reasons;
};

constexpr std::array<Group, 5> kGroups = {{
    {"new", "+", "new", &Paint::added, false},
    {"bind", ">", "bind", &Paint::added, true},
    {"reuse", "=", "reused", &Paint::faint, false},
    {"buffer", "~", "buffered", &Paint::changed, true},
    {"refused", "!", "refused", &Paint::bad, true},
}};

constexpr std::size_t kWordColumn = 9;

/// Code points, which is what a terminal's columns mostly are.
std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string padded(std::string text, std::size_t width) {
  const std::size_t have = columns(text);
  if (have < width) text.append(width - have, ' ');
  return text;
}

std::string nodes_text(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " node" : " nodes");
}

class PlanWriter {
 public:
  PlanWriter(const DiffOutcome& outcome, const NodeLabels& labels, const PlanTextOptions& options)
      : outcome_(outcome), labels_(labels), options_(options), paint_(options.colours) {
    for (const PlanRow& row : outcome.plan) {
      name_width_ = std::max(name_width_, columns(label_text(labels, row.node_id)));
    }
    name_width_ = std::min(name_width_, kNameColumnMax);
  }

  std::string write() {
    if (!options_.title.empty()) out_ += paint_.strong(options_.title) + "\n\n";
    for (const Group& group : kGroups) list(group);
    for (const std::string& warning : outcome_.warnings) {
      out_ += paint_.changed("warning: " + warning) + "\n";
    }
    if (!outcome_.warnings.empty()) out_ += "\n";
    out_ += std::string(options_.closing) + ": " + count_plan(outcome_).text() + ".\n";
    return std::move(out_);
  }

 private:
  void list(const Group& group) {
    const auto count = static_cast<std::size_t>(std::ranges::count(
        outcome_.plan, group.decision, [](const PlanRow& row) { return row.decision; }));
    if (count == 0) return;
    const bool collapsed = group.decision == "reuse" && !options_.verbose;
    if (collapsed) {
      line(group, nodes_text(count) + paint_.faint(" (--verbose lists them)"));
    } else {
      list_nodes(group, count);
    }
    out_ += "\n";
  }

  void list_nodes(const Group& group, std::size_t count) {
    const std::size_t most = options_.verbose ? count : kPlanLinesMax;
    std::size_t shown = 0;
    for (const PlanRow& row : outcome_.plan) {
      if (row.decision != group.decision) continue;
      if (shown++ == most) break;
      std::string text = padded(label_text(labels_, row.node_id), name_width_);
      if (!row.topic.empty()) text += "  " + row.topic;
      line(group, text);
      if (group.reasons && !row.reason.empty()) {
        out_ += std::string(4 + kWordColumn, ' ') + row.reason + "\n";
      }
    }
    if (count > most) {
      line(group, "and " + std::to_string(count - most) + " more" +
                      paint_.faint(" (--verbose lists them)"));
    }
  }

  void line(const Group& group, const std::string& text) {
    const std::string head =
        std::string(group.sign) + " " + padded(std::string(group.word), kWordColumn);
    out_ += "  " + (paint_.*group.paint)(head) + text + "\n";
  }

  const DiffOutcome& outcome_;
  const NodeLabels& labels_;
  const PlanTextOptions& options_;
  const Paint paint_;
  std::size_t name_width_ = 0;
  std::string out_;
};

}  // namespace

NodeLabels node_labels(std::string_view dag_json) {
  NodeLabels labels;
  const Result<graph::Dag> dag = graph::read_dag(dag_json);
  if (!dag.ok()) return labels;
  for (const graph::DagNode& node : dag->nodes) {
    labels[node.node_id.text()] = {node.name, node.parts.node_type};
  }
  return labels;
}

std::string label_text(const NodeLabels& labels, std::string_view node_id) {
  const auto found = labels.find(node_id);
  if (found != labels.end()) {
    const NodeLabel& label = found->second;
    if (!label.name.empty()) return label.name + " (" + label.node_type + ")";
    if (!label.node_type.empty()) return label.node_type;
  }
  constexpr std::size_t kShortId = 19;  // "blake3:" and 12 digits
  return std::string(node_id.substr(0, kShortId));
}

PlanCounts count_plan(const DiffOutcome& outcome) {
  PlanCounts counts;
  for (const PlanRow& row : outcome.plan) {
    if (row.decision == "new") ++counts.created;
    if (row.decision == "bind") ++counts.bound;
    if (row.decision == "reuse") ++counts.reused;
    if (row.decision == "buffer") ++counts.buffered;
    if (row.decision == "refused") ++counts.refused;
  }
  return counts;
}

std::string PlanCounts::text() const {
  std::string text = std::to_string(created) + " new, ";
  if (bound > 0) text += std::to_string(bound) + " bound, ";
  text += std::to_string(reused) + " reused, " + std::to_string(buffered) + " buffered";
  if (refused > 0) text += ", " + std::to_string(refused) + " refused";
  return text;
}

std::string plan_text(const DiffOutcome& outcome, const NodeLabels& labels,
                      const PlanTextOptions& options) {
  return PlanWriter(outcome, labels, options).write();
}

std::string plan_json(const DiffOutcome& outcome) {
  Json plan = Json::array();
  for (const PlanRow& row : outcome.plan) {
    plan.push_back({{"node_id", row.node_id},
                    {"decision", row.decision},
                    {"topic", row.topic},
                    {"compute_key", row.compute_key},
                    {"reason", row.reason}});
  }
  Json line;
  line["queue_map"] = outcome.queue_map;
  line["sentinel_id"] = outcome.sentinel_id;
  line["version"] = outcome.version;
  line["plan"] = std::move(plan);
  line["warnings"] = outcome.warnings;
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace weir::cli
