// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "operators/task_payload.h"

namespace weir::operators {

/// A partition `[start, end]` as contiguous chunks of `size` cursors, the last possibly short
/// (contract section 6.12).
class RangeChunks {
 public:
  /// Fatal `config_invalid` of a size below 1, `cursor_out_of_range` beyond 2^53, `too_many_chunks`
  /// of more than kChunksPerTaskMax.
  static Result<RangeChunks> of(const CursorRange& range, std::int64_t size);

  std::int64_t count() const { return count_; }
  /// Chunk `number`, from 0.
  CursorRange at(std::int64_t number) const;

 private:
  RangeChunks(const CursorRange& range, std::int64_t size, std::int64_t count)
      : range_(range), size_(size), count_(count) {}
  CursorRange range_;
  std::int64_t size_;
  std::int64_t count_;
};

/// What a chunk hands to its consumers: where the split partition was a batch, its manifest with
/// the chunk's range and without what does not hold for a part of it (sequence numbers, count);
/// else what the partition carried.
JsonText chunk_payload(std::string_view payload, const CursorRange& chunk);

}  // namespace weir::operators
