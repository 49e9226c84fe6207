// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "cli/client/diff_outcome.h"
#include "dagmanager.pb.h"

namespace weir::cli {

namespace wire = qmtl::services::dagmanager;

/// Puts the chunks of an answer together, across resumed streams (contract section 3.8). One
/// thread.
class DiffCollector {
 public:
  /// Takes the next chunk. One that was had before changes nothing.
  /// DATA_LOSS `chunk_missing`: not the next one; `crc32_differs`: of another graph than the chunks
  /// before; `crc32_missing`.
  Result<void> add(const wire::DiffChunk& chunk);

  /// Begins anew: what was had belongs to an answer that is no longer given.
  void clear() { *this = DiffCollector(); }

  bool complete() const { return taken_ > 0 && taken_ == count_; }
  /// Chunks taken, and of how many; 0 before the first.
  std::uint32_t taken() const { return taken_; }
  std::uint32_t count() const { return count_; }

  /// Puts the resume fields into a request, if there is anything to resume.
  void resume(wire::DiffRequest& request) const;

  /// The answer; call when complete.
  DiffOutcome take() && { return std::move(outcome_); }

 private:
  DiffOutcome outcome_;
  std::string answer_;
  std::uint32_t taken_ = 0;
  std::uint32_t count_ = 0;
};

}  // namespace weir::cli
