// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "drivers/duckdb/c_api.h"

namespace weir::duckdb {

/// libduckdb.so, loaded. Stays in the process to its end. Safe to share among threads.
class Library {
 public:
  /// UNAVAILABLE `engine_missing` if there is no such library, FAILED_PRECONDITION
  /// `engine_unsuitable` if it lacks a function or is of another version than kVersion.
  static Result<std::shared_ptr<const Library>> load(const std::string& path);

  const c_api::Functions& functions() const { return functions_; }

  /// The version that is pinned in scripts/duckdb.
  static constexpr std::string_view kVersion = "v1.4.4";

 private:
  Library() = default;
  c_api::Functions functions_{};
};

/// Where the library is: the first that exists of `named` (of WEIR_DUCKDB_LIBRARY; alone if it is
/// not empty), `libduckdb.so` beside the running program, in `../lib/weir` of it, and where
/// scripts/duckdb puts it in the source tree. UNAVAILABLE `engine_missing`.
Result<std::string> find_library(std::string_view named);

}  // namespace weir::duckdb
