// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>

#include "dispatcher/dagfile/validate.h"

/// What the tests of DAG files share.
namespace weir::dispatcher {

/// The moment at which tests validate.
inline const Instant kTestNow =
    std::chrono::sys_days(std::chrono::year(2026) / std::chrono::January / 2);

inline const OperatorRegistry& test_operators() {
  static const OperatorRegistry kOperators;
  return kOperators;
}

/// The answer about a text, offline, or against what `known` has.
inline ValidationReport validated(std::string_view text, const KnownNames* known = nullptr,
                                  const OperatorRegistry& operators = test_operators()) {
  return validate_dag(
      text, {.mode = known == nullptr ? ValidationMode::Offline : ValidationMode::Snapshot,
             .operators = operators,
             .known = known,
             .now = kTestNow});
}

/// "E_TYPE 3:5": what a fault is and where.
inline std::string place_text(const DagFault& fault) {
  return fault.code + ' ' + std::to_string(fault.line) + ':' + std::to_string(fault.column);
}

/// A fault as people read it.
inline std::string fault_text(const DagFault& fault) {
  return place_text(fault) + ' ' + fault.path + ": " + fault.detail +
         (fault.hint.empty() ? "" : " (" + fault.hint + "?)");
}

/// The model of a text that must have no errors.
inline DagFile sound(std::string_view text, const KnownNames* known = nullptr) {
  ValidationReport report = validated(text, known);
  for (const DagFault& fault : report.errors) ADD_FAILURE() << fault_text(fault) << "\n" << text;
  return report.file ? *std::move(report.file) : DagFile{};
}

}  // namespace weir::dispatcher
