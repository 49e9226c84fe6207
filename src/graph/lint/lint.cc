// SPDX-License-Identifier: Apache-2.0
#include "graph/lint/lint.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/text.h"
#include "graph/dag_document.h"
#include "graph/dag_meta.h"
#include "graph/fault_list.h"
#include "graph/lint/finding_list.h"
#include "graph/lint/linted_nodes.h"
#include "graph/lint/param_rules.h"

namespace weir::graph {
namespace {

struct RuleWords {
  std::string_view name;
  LintSeverity severity;
};

constexpr std::array<RuleWords, kLintRules> kRules = {{
    {"L01", LintSeverity::Error},
    {"L02", LintSeverity::Warning},
    {"L03", LintSeverity::Warning},
    {"L04", LintSeverity::Warning},
    {"L05", LintSeverity::Error},
    {"L06", LintSeverity::Error},
    {"L07", LintSeverity::Error},
    {"L08", LintSeverity::Warning},
    {"L09", LintSeverity::Warning},
    {"L10", LintSeverity::Warning},
    {"L11", LintSeverity::Error},
    {"L12", LintSeverity::Error},
    {"L13", LintSeverity::Warning},
    {"L14", LintSeverity::Warning},
    {"L15", LintSeverity::Warning},
    {"L16", LintSeverity::Error},
}};

LintFinding beyond_bounds(const Fault& fault) {
  return {.rule = LintRule::BeyondBounds,
          .path = fault.path,
          .node_id = "",
          .message = fault.text,
          .mend = "split the graph, or shorten what is too long"};
}

/// The rules on one document that was opened.
class Linter {
 public:
  Linter(JsonValue root, const LintQuestion& question) : root_(root), question_(question) {}

  /// `refused`: why the graph would be refused as a whole; nothing if it would not.
  Result<std::vector<LintFinding>> run(const Error* refused) {
    nodes_ = root_.find("nodes");
    if (refused != nullptr) WEIR_CHECK(take_faults(*refused));
    if (nodes_.size() <= question_.limits.nodes_max) lint_nodes();
    return std::move(findings_).in_document_order();
  }

 private:
  /// What reading refuses: some of it is a rule's finding, some is told by a rule of its own, and
  /// with the rest there is no graph to lint.
  Result<void> take_faults(const Error& refused) {
    std::vector<Fault> shape;
    for (const Fault& fault : refused.faults()) {
      if (fault.reason == "dag_bounds") add(fault, beyond_bounds(fault));
      if (fault.reason == "node_conflict") {
        add(fault, {.rule = LintRule::NodeConflict,
                    .path = fault.path,
                    .node_id = "",
                    .message = fault.text,
                    .mend = "give each the id of its own content"});
      }
      if (fault.reason == "cycle") {
        add(fault, {.rule = LintRule::Cycle,
                    .path = fault.path,
                    .node_id = "",
                    .message = fault.text,
                    .mend = "cut one of these inputs"});
      }
      if (fault.reason == "dag_shape" || fault.reason == "artifact_invalid") shape.push_back(fault);
    }
    if (!shape.empty()) return refused_graph(std::move(shape));
    return {};
  }

  /// A finding at a fault's place, with the id of the node it is in.
  void add(const Fault& fault, LintFinding finding) {
    const JsonValue entry = entry_at(fault.path);
    if (entry.is_object()) {
      finding.node_id = scalar_text_or_empty(entry.find("node_id")).value_or("");
    }
    findings_.add(entry, std::move(finding));
  }

  /// The entry of `nodes` that a JSON Pointer leads into.
  JsonValue entry_at(std::string_view path) {
    constexpr std::string_view kNodes = "/nodes/";
    if (!path.starts_with(kNodes)) return {};
    path.remove_prefix(kNodes.size());
    std::size_t index = 0;
    std::from_chars(path.data(), path.data() + path.size(), index);
    if (places_.empty()) {
      for (const JsonValue entry : nodes_) places_.push_back(entry);
    }
    return index < places_.size() ? places_[index] : JsonValue();
  }

  void lint_nodes() {
    const LintedNodes nodes(nodes_, question_.limits);
    const NamingScope scope = lint_document(nodes.sentinels());
    lint_identity(nodes_, findings_);
    nodes.lint_united(findings_);
    std::vector<std::string> stored = question_.stored;
    std::ranges::sort(stored);
    nodes.lint_inputs(stored, findings_);
    nodes.lint_unread(findings_);
    for (const LintedNode& entry : nodes.entries()) {
      lint_params(entry.fields, entry.path, entry.node.node_id.text(), findings_);
      lint_tag_query(entry, findings_);
      lint_names(entry, scope, findings_);
    }
  }

  /// L12 of the world, L14, L15; gives what topics are named with.
  NamingScope lint_document(const std::vector<JsonValue>& sentinels) {
    Dag said;
    read_dag_meta(root_, sentinels, said);
    const ComputeContext context = evaluate_context(merge_context(question_.context, said.context));
    NamingScope scope{.version = said.version,
                      .name_space = namespace_of(said, context),
                      .dry_run = context.execution_domain == "dryrun"};
    if (!base::is_ascii(scope.name_space.view())) {
      on_document(LintRule::ImpossibleName,
                  "world and domain give the namespace '" + scope.name_space.text() +
                      "', which no topic can begin with",
                  "name the world with ASCII letters, digits, _ and -");
    }
    if (context.safe_mode) {
      on_document(LintRule::SafeMode,
                  "it would run in safe mode (" + std::string(downgrade_text(context.downgrade)) +
                      "): no sentinel is kept, and nothing is reused across strategies",
                  context.downgrade == DowngradeReason::MissingAsOf
                      ? "say as_of in its compute_context or in the request"
                      : "say execution_domain in its compute_context or in the request: backtest, "
                        "dryrun, live or shadow");
    }
    if (!said.version_given) {
      on_document(LintRule::NoVersion, "it has no version, so its label would be v1",
                  "give it a version, in meta or in a VersionSentinel node");
    }
    return scope;
  }

  void on_document(LintRule rule, std::string message, std::string mend) {
    findings_.add({}, {.rule = rule,
                       .path = "",
                       .node_id = "",
                       .message = std::move(message),
                       .mend = std::move(mend)});
  }

  JsonValue root_;
  const LintQuestion& question_;
  JsonValue nodes_;
  std::vector<JsonValue> places_;  // the entries of nodes_, once one was asked for
  FindingList findings_;
};

}  // namespace

std::string_view lint_rule_name(LintRule rule) {
  return kRules.at(static_cast<std::size_t>(rule)).name;
}

LintSeverity lint_severity(LintRule rule) {
  return kRules.at(static_cast<std::size_t>(rule)).severity;
}

std::string_view lint_severity_name(LintSeverity severity) {
  return severity == LintSeverity::Error ? "error" : "warning";
}

Result<std::vector<LintFinding>> lint_dag(std::string_view json_or_base64,
                                          const LintQuestion& question) {
  const Result<DagDocument> document = open_dag_document(json_or_base64, question.limits);
  if (!document.ok()) {
    if (document.error().reason() != "dag_bounds") return document.error();
    std::vector<LintFinding> findings;
    for (const Fault& fault : document.error().faults()) findings.push_back(beyond_bounds(fault));
    if (findings.empty()) {
      findings.push_back(beyond_bounds({"dag_bounds", "", document.error().message()}));
    }
    return findings;
  }
  const Result<Dag> dag = read_dag(json_or_base64, question.limits);
  return Linter(document->tree.root(), question).run(dag.ok() ? nullptr : &dag.error());
}

std::vector<std::string> inputs_from_elsewhere(std::string_view json_or_base64,
                                               const DagLimits& limits) {
  const Result<DagDocument> document = open_dag_document(json_or_base64, limits);
  if (!document.ok()) return {};
  const JsonValue nodes = document->tree.root().find("nodes");
  if (!nodes.is_array() || nodes.size() > limits.nodes_max) return {};
  return LintedNodes(nodes, limits).undefined_inputs();
}

}  // namespace weir::graph
