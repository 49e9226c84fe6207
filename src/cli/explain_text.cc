// SPDX-License-Identifier: Apache-2.0
#include "cli/explain_text.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "cli/console/console.h"
#include "graph/node_identity.h"

namespace weir::cli {
namespace {

using Json = nlohmann::ordered_json;
using graph::Explanation;
using graph::Verdict;

Json text_or_null(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json(nullptr);
}

const PlanRow* row_of(const Explanation& explanation, const PlanByNode& plan) {
  if (explanation.node == nullptr) return nullptr;
  const auto found = plan.find(explanation.node->stated);
  return found == plan.end() ? nullptr : found->second;
}

void add_node(Json& line, const Explanation& explanation) {
  const graph::ExplainedNode* node = explanation.node;
  if (node == nullptr) {
    line["index"] = nullptr;
    line["name"] = explanation.other->name;
    line["stated"] = nullptr;
    line["node_id"] = nullptr;
    line["canonical"] = nullptr;
    return;
  }
  line["index"] = node->index ? Json(*node->index) : Json(nullptr);
  line["name"] = node->name;
  line["stated"] = node->index ? Json(node->stated) : Json(nullptr);
  line["node_id"] = node->node_id;
  line["canonical"] = graph::canonical_bytes(node->parts);
}

/// Where a change begins: not those that only follow from a changed dependency.
std::set<std::string> roots(const std::vector<Explanation>& explanations) {
  std::set<std::string> paths;
  for (const Explanation& explanation : explanations) {
    paths.insert(explanation.because.begin(), explanation.because.end());
    for (const graph::Change& change : explanation.changes) {
      if (change.part != "dependencies" || explanation.because.empty()) paths.insert(change.path);
    }
  }
  return paths;
}

class ExplainWriter {
 public:
  ExplainWriter(const PlanByNode& plan, const ExplainTextOptions& options)
      : plan_(plan), options_(options), paint_(options.colours) {}

  std::string write(const std::vector<Explanation>& explanations) {
    if (!options_.title.empty()) out_ += paint_.strong(options_.title) + "\n\n";
    for (const Explanation& explanation : explanations) {
      ++counts_[static_cast<std::size_t>(explanation.verdict)];
      if (explanation.verdict == Verdict::Same && !options_.verbose) continue;
      node(explanation);
    }
    if (!out_.ends_with("\n\n")) out_ += "\n";
    closing(explanations);
    return std::move(out_);
  }

 private:
  void node(const Explanation& explanation) {
    const bool removed = explanation.verdict == Verdict::Removed;
    const graph::ExplainedNode& shown = removed ? *explanation.other : *explanation.node;
    std::string head(graph::verdict_text(explanation.verdict));
    head.resize(std::max<std::size_t>(head.size(), 9), ' ');
    out_ += "  " + painted(explanation.verdict, head);
    if (shown.index) out_ += "/nodes/" + std::to_string(*shown.index) + "  ";
    out_ += shown.name.empty() ? shown.parts.node_type
                               : shown.name + " (" + shown.parts.node_type + ")";
    if (const PlanRow* row = row_of(explanation, plan_); row != nullptr && !row->topic.empty()) {
      out_ += "  " + std::string(plan_state(row->decision)) + " " + row->topic;
    }
    out_ += "\n";
    for (const graph::Change& change : explanation.changes) one_change(change, explanation);
  }

  void one_change(const graph::Change& change, const Explanation& explanation) {
    constexpr std::size_t kIndent = 11;
    out_ += std::string(kIndent, ' ');
    if (change.part == "dependencies" && !explanation.because.empty()) {
      out_ += "dependencies, because of";
      for (const std::string& path : explanation.because) out_ += " " + path;
    } else {
      out_ += change.path + ": " + change.old_value.value_or("absent") + " → " +
              change.new_value.value_or("absent");
    }
    out_ += "\n";
  }

  std::string painted(Verdict verdict, std::string_view text) const {
    switch (verdict) {
      case Verdict::Same:
        return paint_.faint(text);
      case Verdict::Differs:
        return paint_.changed(text);
      case Verdict::Added:
        return paint_.added(text);
      case Verdict::Removed:
        return paint_.bad(text);
    }
    return std::string(text);
  }

  void closing(const std::vector<Explanation>& explanations) {
    const auto count = [this](Verdict verdict) {
      return std::to_string(counts_[static_cast<std::size_t>(verdict)]);
    };
    out_ += "Explained: " + count(Verdict::Same) + " same, " + count(Verdict::Differs) +
            " differ, " + count(Verdict::Added) + " added, " + count(Verdict::Removed) + " removed";
    const std::set<std::string> paths = roots(explanations);
    if (paths.size() == 1) out_ += "; one root: " + *paths.begin();
    if (paths.size() > 1) out_ += "; " + std::to_string(paths.size()) + " roots";
    out_ += ".\n";
  }

  const PlanByNode& plan_;
  const ExplainTextOptions& options_;
  const Paint paint_;
  std::array<std::size_t, 4> counts_{};
  std::string out_;
};

}  // namespace

PlanByNode plan_by_node(const std::vector<PlanRow>& plan) {
  PlanByNode rows;
  for (const PlanRow& row : plan) rows.emplace(row.node_id, &row);
  return rows;
}

graph::ExplainedNode stored_node(const qmtl::services::dagmanager::NodeRecord& record) {
  graph::ExplainedNode node;
  node.stated = record.node_id();
  node.name = record.name();
  node.tags.assign(record.tags().begin(), record.tags().end());
  node.parts = {.node_type = record.node_type(),
                .interval = record.interval(),
                .period = record.period(),
                .params_canon = record.params_canon(),
                .dependencies = {record.dependencies().begin(), record.dependencies().end()},
                .schema_compat_id = record.schema_compat_id(),
                .code_hash = record.code_hash()};
  // A sender may have stated another id than its content has; content is what is compared.
  node.node_id = graph::node_id(graph::canonical_bytes(node.parts)).text();
  return node;
}

std::string_view plan_state(std::string_view decision) {
  if (decision == "reuse" || decision == "buffer") return "bound";
  return decision == "refused" ? "refused" : "planned";
}

std::string explain_json(const Explanation& explanation, const PlanByNode& plan) {
  Json line;
  add_node(line, explanation);
  const PlanRow* row = row_of(explanation, plan);
  line["compute_key"] = row == nullptr ? Json(nullptr) : Json(row->compute_key);
  line["topic"] = row == nullptr || row->topic.empty() ? Json(nullptr) : Json(row->topic);
  line["state"] = row == nullptr ? Json(nullptr) : Json(std::string(plan_state(row->decision)));
  line["other"] = nullptr;
  if (explanation.other != nullptr) {
    line["other"] = {
        {"node_id", explanation.other->node_id},
        {"by", explanation.paired_by.empty() ? Json(nullptr) : Json(explanation.paired_by)}};
  }
  line["verdict"] = std::string(graph::verdict_text(explanation.verdict));
  line["changes"] = Json::array();
  for (const graph::Change& change : explanation.changes) {
    line["changes"].push_back({{"part", change.part},
                               {"path", change.path},
                               {"old", text_or_null(change.old_value)},
                               {"new", text_or_null(change.new_value)}});
  }
  line["because"] = explanation.because;
  return line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string explain_text(const std::vector<Explanation>& explanations, const PlanByNode& plan,
                         const ExplainTextOptions& options) {
  return ExplainWriter(plan, options).write(explanations);
}

bool unexplained(const Explanation& explanation) {
  return explanation.node != nullptr && explanation.other != nullptr &&
         explanation.changes.empty() && explanation.node->node_id != explanation.other->node_id;
}

}  // namespace weir::cli
