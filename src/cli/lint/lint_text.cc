// SPDX-License-Identifier: Apache-2.0
#include "cli/lint/lint_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/console/console.h"

namespace weir::cli {
namespace {

using Json = nlohmann::ordered_json;
using graph::LintFinding;
using graph::LintSeverity;

bool is_error(const LintFinding& finding) {
  return graph::lint_severity(finding.rule) == LintSeverity::Error;
}

std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

}  // namespace

std::string lint_json(const std::vector<LintFinding>& findings) {
  std::string lines;
  for (const LintFinding& finding : findings) {
    Json line;
    line["rule"] = graph::lint_rule_name(finding.rule);
    line["severity"] = graph::lint_severity_name(graph::lint_severity(finding.rule));
    line["path"] = finding.path;
    line["node_id"] = finding.node_id.empty() ? Json(nullptr) : Json(finding.node_id);
    line["message"] = finding.message;
    line["mend"] = finding.mend;
    lines += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  return lines;
}

std::string lint_text(const std::vector<LintFinding>& findings, const LintTextOptions& options) {
  const Paint paint(options.colours);
  std::string text;
  for (const LintFinding& finding : findings) {
    const std::string severity(graph::lint_severity_name(graph::lint_severity(finding.rule)));
    text += is_error(finding) ? paint.bad(severity) : paint.changed(severity);
    text += " " + std::string(graph::lint_rule_name(finding.rule)) + " ";
    text += (finding.path.empty() ? "the graph" : finding.path) + ": " + finding.message + "\n";
    text += paint.faint("    " + finding.mend) + "\n";
  }
  const auto errors = static_cast<std::size_t>(std::ranges::count_if(findings, is_error));
  return text + options.title + ": " + counted(errors, "error") + ", " +
         counted(findings.size() - errors, "warning") + "\n";
}

bool lint_fails(const std::vector<LintFinding>& findings, bool warnings_count) {
  return warnings_count ? !findings.empty() : std::ranges::any_of(findings, is_error);
}

}  // namespace weir::cli
