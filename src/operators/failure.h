// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/error.h"

/// How an operator fails: an Error whose reason is the `error.code` of its completion, and whose
/// Code tells whether another attempt may help.
namespace weir::operators {

/// Ends as `fatal_error`: the same would happen again.
Error fatal_error(std::string code, std::string message);
/// Ends as `retryable_error`.
Error retryable_error(std::string code, std::string message);

/// UNAVAILABLE, ABORTED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED and CANCELLED are worth another
/// attempt, INTERNAL and UNKNOWN too; all else is fatal.
bool is_retryable(const Error& error);

/// Exit codes of an operator's process (contract appendix A.3).
inline constexpr int kExitSuccess = 0;
inline constexpr int kExitUsage = 64;
inline constexpr int kExitFatal = 65;
inline constexpr int kExitRetryable = 75;

}  // namespace weir::operators
