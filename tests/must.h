// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "base/result.h"

namespace weir::test {

/// Ends the process: what any of its tests needs is not there.
[[noreturn]] inline void give_up(const std::string& why) {
  std::fprintf(stderr, "tests: %s\n", why.c_str());
  std::abort();
}

/// The value that must be there for any test to mean something.
template <class T>
T must(Result<T> result) {
  if (!result.ok()) give_up(result.error().describe());
  return *std::move(result);
}

inline void must(const Result<void>& result) {
  if (!result.ok()) give_up(result.error().describe());
}

}  // namespace weir::test
