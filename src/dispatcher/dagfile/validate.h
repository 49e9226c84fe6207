// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "dispatcher/dagfile/dag_file.h"
#include "dispatcher/dagfile/faults.h"
#include "dispatcher/dagfile/known_names.h"
#include "dispatcher/dagfile/operator_registry.h"

namespace weir::dispatcher {

/// Against what a file is held (contract section 2.1).
enum class ValidationMode : std::uint8_t {
  Offline,   ///< the file alone
  Snapshot,  ///< with a file of known datasets and bundles
  Deploy,    ///< with the server's own
};

/// What this installation can run. Only a deploy asks.
struct Engines {
  std::set<std::string, std::less<>> operators = {};
  bool buffered = false;
  bool direct = false;
  bool checks = false;
  /// Names of the folders that table_ingest may read.
  std::set<std::string, std::less<>> ingest_roots = {};
};

struct ValidationContext {
  ValidationMode mode = ValidationMode::Offline;
  const OperatorRegistry& operators;  ///< outlives the answer
  const KnownNames* known = nullptr;  ///< of a snapshot or a deploy
  const Engines* engines = nullptr;   ///< of a deploy
  std::string expected_name = {};     ///< of a deploy: the name in its URL
  Instant now = {};                   ///< schedules must come due within five years of it
};

/// The answer about one file: every fault of it, and, if there is no error, what it says.
struct ValidationReport {
  std::vector<DagFault> errors = {};    ///< by line and column
  std::vector<DagFault> warnings = {};  ///< likewise; they never keep a file from being deployed
  std::optional<DagFile> file = {};

  bool valid() const { return errors.empty(); }
};

/// Reads and checks a DAG file: one function for `weir dag validate` and for the deploy. Pure.
ValidationReport validate_dag(std::string_view text, const ValidationContext& context);

}  // namespace weir::dispatcher
