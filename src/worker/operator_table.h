// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "worker/worker_config.h"

namespace weir::worker {

/// Which program runs which operator: the built-in ones by `<program> operator NAME`, those of the
/// registry file by their `command`. A part of a command that begins with `./`, or that names a
/// file beside the registry file, is made the whole path of that file, for a child runs in a
/// folder of its own; every other part stays as it is. Read-only; any thread.
class OperatorTable {
 public:
  /// INVALID_ARGUMENT `operators_invalid`, each fault with a JSON Pointer; `file_unreadable`. The
  /// file's other members are the dispatcher's to check.
  static Result<OperatorTable> load(const WorkerConfig& config);

  /// The program and its arguments. FAILED_PRECONDITION `unsupported_operator`.
  Result<std::vector<std::string>> command(std::string_view name, std::string_view version) const;

  /// The binary that runs the built-in ones.
  const std::string& program() const { return program_; }

  /// What claims announce, `name@version`, sorted.
  const std::vector<std::string>& announced() const { return announced_; }

 private:
  Result<void> add_file(const std::string& path);

  std::string program_;
  std::map<std::string, std::vector<std::string>, std::less<>> commands_;  // by name@version
  std::vector<std::string> announced_;
};

}  // namespace weir::worker
