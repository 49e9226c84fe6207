// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "graph/lint/lint.h"

/// The two forms in which `lint` tells its findings (contract section 3.23).
namespace weir::cli {

/// A JSON line a finding; node_id is null where it is of no node.
std::string lint_json(const std::vector<graph::LintFinding>& findings);

struct LintTextOptions {
  std::string title = {};  ///< what was linted
  bool colours = false;
};

/// For people: two lines a finding, and the counts in the last line.
std::string lint_text(const std::vector<graph::LintFinding>& findings,
                      const LintTextOptions& options);

/// True if any is an error or, if warnings count, anything was found.
bool lint_fails(const std::vector<graph::LintFinding>& findings, bool warnings_count);

}  // namespace weir::cli
