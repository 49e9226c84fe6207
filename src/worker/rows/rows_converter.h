// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <semaphore>
#include <span>
#include <string>

#include "base/result.h"
#include "worker/rows/limits.h"
#include "worker/rows/table_shape.h"

namespace weir::worker {

/// Rows between JSON Lines and parquet, each time in a child that ends with it: the engine never
/// runs in the worker. Any thread.
class RowsConverter {
 public:
  struct Config {
    std::string program;              ///< this binary
    std::string duckdb_library = {};  ///< empty: looked for
    std::filesystem::path folder;     ///< where conversions work
  };

  explicit RowsConverter(Config config) : config_(std::move(config)) {}

  /// Files of one conversion in a private folder, removed with it. It holds one of the
  /// kConversionsMax places.
  class Work {
   public:
    ~Work();
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;

    std::string lines() const { return (folder_ / "rows.jsonl").string(); }
    std::string parquet() const { return (folder_ / "rows.parquet").string(); }

   private:
    friend class RowsConverter;
    Work(const RowsConverter& owner, std::filesystem::path folder)
        : owner_(owner), folder_(std::move(folder)) {}
    const RowsConverter& owner_;
    std::filesystem::path folder_;
  };
  /// UNAVAILABLE `unavailable`: no place became free in kConversionWait, or no folder can be made.
  Result<std::unique_ptr<Work>> begin() const;

  /// One of the work's files out of the other. INVALID_ARGUMENT `rows_invalid`, with the line or
  /// the number of the row; `too_large`; UNAVAILABLE `unavailable`: try again.
  Result<void> to_lines(const Work& work, std::span<const Column> columns) const;
  Result<void> to_parquet(const Work& work, std::span<const Column> columns) const;

 private:
  Result<void> convert(const Work& work, std::span<const Column> columns, bool to_parquet) const;

  const Config config_;
  mutable std::counting_semaphore<kConversionsMax> places_{kConversionsMax};
};

}  // namespace weir::worker
