// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace weir::cli {

/// How a process of ours ends (contract section 4).
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;  // also a configuration that does not start
inline constexpr int kExitChanges = 3;
inline constexpr int kExitFindings = 3;
inline constexpr int kExitBacktests = 4;
inline constexpr int kExitRolledBack = 5;

enum class OutputForm : std::uint8_t { Text, Json };

/// What the command line asks for: global options, and what the parsed command will do. One a
/// process; the command tree holds references into it, so it outlives the tree.
struct Session {
  OutputForm output = OutputForm::Text;
  std::string language;

  /// Set by the command that was named; returns the exit code.
  std::function<int()> action;

  bool json() const { return output == OutputForm::Json; }
};

}  // namespace weir::cli
