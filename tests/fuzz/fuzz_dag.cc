// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/random.h"
#include "dagmanager/core/diff_planner.h"
#include "graph/dag.h"
#include "graph/lint/lint.h"
#include "tests/fuzz/fuzzing.h"
#include "tests/fuzz/rewriting.h"
#include "tests/unit/graph/reference_identity.h"

/// A DAG document in, node ids out (contract chapter 2 and section 3.1). Oracles: refusals are
/// named and bounded; the fast reader agrees with the slow reference; key order and dependency
/// order do not matter; the order is topological; the plan's names are legal and distinct; what a
/// diff would refuse has an error of lint's.

namespace {

using weir::fuzz::require;
namespace graph = weir::graph;
namespace dagmanager = weir::dagmanager;

// A reader takes at most this much memory: a share of its input, and a head.
constexpr std::size_t kBytesPerInputByteMax = 400;
constexpr std::size_t kBytesMax = 64 * 1024;

bool is_refusal(const std::string& reason) {
  static const std::set<std::string> kReasons = {
      "dag_not_json", "dag_shape",     "missing_field", "schema_compat_mismatch", "cycle",
      "name_illegal", "node_conflict", "dag_bounds",    "artifact_invalid"};
  return kReasons.contains(reason);
}

void check_refusal(const weir::Error& error) {
  require(error.code() == weir::Code::InvalidArgument && is_refusal(error.reason()),
          "a named refusal", error.describe());
  require(error.describe().size() < 64 * 1024, "a bounded answer");
  for (const weir::Fault& fault : error.faults()) {
    require(is_refusal(fault.reason), "a named fault", fault.reason);
    require(fault.path.empty() || fault.path.front() == '/', "a JSON Pointer", fault.path);
  }
}

/// Ids as computed, by place in the document.
std::map<std::size_t, std::string> computed_ids(const graph::Dag& dag) {
  std::map<std::size_t, std::string> ids;
  for (const graph::DagNode& node : dag.nodes) ids[node.index] = node.computed_id.text();
  return ids;
}

/// The reference reads JSON only: base64 begins with another byte.
void check_reference(const graph::Dag& dag, std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || text[first] != '{') return;
  const graph::ReferenceDag reference = graph::reference_dag(text);
  if (reference.verdict == graph::ReferenceVerdict::Unreadable) return;
  require(reference.verdict == graph::ReferenceVerdict::Named, "the reference takes it too");
  const auto ids = computed_ids(dag);
  std::size_t found = 0;
  for (const graph::ReferenceId& node : reference.ids) {
    require(!node.id.empty(), "the reference names every node");
    const auto fast = ids.find(node.index);
    if (fast == ids.end()) continue;  // united with an earlier one
    ++found;
    require(fast->second == node.id, "fast path and slow path agree", node.id);
  }
  require(found == ids.size(), "no node but the reference's");
}

void check_rewritten(const graph::Dag& dag, std::string_view text) {
  const auto document = weir::JsonDocument::parse(text);
  if (!document.ok()) return;  // base64
  weir::base::SeededRandom random(text.size());
  const std::string other =
      weir::fuzz::rewritten(document->root(), random, weir::fuzz::ListOrder::FreeInNodes);
  const auto again = graph::read_dag(other);
  require(again.ok(), "a rewritten graph is read too", other);
  require(computed_ids(*again) == computed_ids(dag), "order of keys and inputs does not matter",
          other);
  require(again->crc32 == dag.crc32, "the checksum goes by submission order", other);
}

void check_order(const graph::Dag& dag) {
  require(dag.order.size() == dag.nodes.size(), "every node is in the order");
  std::map<std::string_view, std::size_t> place;
  for (std::size_t i = 0; i < dag.order.size(); ++i) {
    require(place.emplace(dag.nodes.at(dag.order[i]).node_id.view(), i).second, "a permutation");
  }
  for (const graph::DagNode& node : dag.nodes) {
    for (const std::string& input : node.inputs) {
      const auto upstream = place.find(input);
      if (upstream == place.end()) continue;
      require(upstream->second < place.at(node.node_id.view()), "inputs come first", input);
    }
  }
}

/// `refused`: whether a diff would refuse the document.
void check_lint(std::string_view text, bool refused) {
  const auto findings = graph::lint_dag(text, {});
  if (!findings.ok()) {
    require(refused, "what lint cannot read is refused", findings.error().describe());
    return check_refusal(findings.error());
  }
  bool any_error = false;
  for (const graph::LintFinding& finding : *findings) {
    require(finding.path.empty() || finding.path.front() == '/', "a JSON Pointer", finding.path);
    any_error = any_error || graph::lint_severity(finding.rule) == graph::LintSeverity::Error;
    const bool refuses = finding.rule == graph::LintRule::NodeConflict ||
                         finding.rule == graph::LintRule::Cycle ||
                         finding.rule == graph::LintRule::BeyondBounds;
    require(refused || !refuses, "only what is refused has findings of reading", finding.message);
  }
  require(any_error || !refused, "what is refused has an error");
}

/// Whether there is a plan for it, in an empty store.
bool check_plan(const graph::Dag& dag) {
  const dagmanager::PlannerPolicy policy;
  const auto scope =
      dagmanager::make_scope(dag, {.strategy = graph::StrategyId("s"), .context = {}}, policy);
  if (!scope.ok()) {
    check_refusal(scope.error());
    return false;
  }
  const auto plan = dagmanager::plan_diff(dag, *scope, dagmanager::GraphIndex(), policy);
  if (!plan.ok()) {
    check_refusal(plan.error());
    return false;
  }
  std::set<std::string> topics;
  for (const dagmanager::PlannedNode& node : plan->nodes) {
    require(!graph::illegal_topic(node.topic.view()), "a legal topic", node.topic.text());
    require(topics.insert(graph::topic_key(node.topic).text()).second, "a topic of its own",
            node.topic.text());
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto dag = graph::read_dag(text);
  if (!dag.ok()) {
    check_refusal(dag.error());
    check_lint(text, true);
    return 0;
  }
  require(dag->bytes <= kBytesMax + kBytesPerInputByteMax * size, "bounded size");
  check_reference(*dag, text);
  check_rewritten(*dag, text);
  check_order(*dag);
  check_lint(text, !check_plan(*dag));
  return 0;
}
