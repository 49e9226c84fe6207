// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "graph/compute_context.h"
#include "graph/dag.h"

namespace weir::graph {

/// The rules of contract section 3.23, L01 to L16 in this order.
enum class LintRule : std::uint8_t {
  NodeConflict,  ///< a node_id with two meanings
  UnitedNodes,   ///< two entries that are one node
  UnknownInput,  ///< an input defined neither here nor in the stored graph
  LateInput,     ///< an input defined after its use
  Cycle,
  WrongId,         ///< a node_id that is not the computed one
  MissingField,    ///< a field of section 2.12, or two schema ids
  DroppedParam,    ///< a params key that the id does not see
  InexactNumber,   ///< a number that is not what it says
  UnreadNode,      ///< nothing reads it, and it is no trade_exec
  BareTagQuery,    ///< a TagQueryNode without tags or interval
  ImpossibleName,  ///< a tag, type or world that no name can have
  TwoTopicTypes,   ///< a node_type that fits two
  SafeMode,        ///< it would run in safe mode
  NoVersion,
  BeyondBounds,
};
inline constexpr std::size_t kLintRules = 16;

enum class LintSeverity : std::uint8_t { Error, Warning };

/// "L01" to "L16".
std::string_view lint_rule_name(LintRule rule);
LintSeverity lint_severity(LintRule rule);
/// "error", "warning".
std::string_view lint_severity_name(LintSeverity severity);

/// One thing that is wrong with a graph, or that its author may not have meant.
struct LintFinding {
  LintRule rule = LintRule::NodeConflict;
  std::string path;     ///< JSON Pointer; empty: the whole document
  std::string node_id;  ///< as the document states it; empty: of no node, or it has none
  std::string message;  ///< what is so
  std::string mend;     ///< what to do about it
};

/// What the rules have to know beside the document.
struct LintQuestion {
  RawContext context = {};               ///< that it would be submitted with
  std::vector<std::string> stored = {};  ///< of inputs_from_elsewhere those in the stored graph
  DagLimits limits = {};
};

/// Every finding of a document (JSON, or base64 of it), in document order, those on the whole of it
/// first; at most kFindingsMax a rule are told one by one. INVALID_ARGUMENT with all its faults if
/// it is no graph: `dag_not_json`, `dag_shape`, `artifact_invalid`.
///
/// A document with no finding of severity error is one that `read_dag` takes.
Result<std::vector<LintFinding>> lint_dag(std::string_view json_or_base64,
                                          const LintQuestion& question);

/// The ids that nodes of a document read and that it does not define, distinct, sorted; none of a
/// document that cannot be read.
std::vector<std::string> inputs_from_elsewhere(std::string_view json_or_base64,
                                               const DagLimits& limits = {});

}  // namespace weir::graph
