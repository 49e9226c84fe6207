// SPDX-License-Identifier: Apache-2.0
#include "operators/range_chunks.h"

#include <algorithm>

#include "base/json_line.h"
#include "operators/failure.h"
#include "operators/json_members.h"
#include "operators/limits.h"

namespace weir::operators {

Result<RangeChunks> RangeChunks::of(const CursorRange& range, std::int64_t size) {
  if (size < 1 || size > kWholeMax) {
    return fatal_error("config_invalid", "`chunk_size` must be 1 to 2^53-1");
  }
  if (range.start < -kWholeMax || range.end > kWholeMax || range.start > range.end) {
    return fatal_error("cursor_out_of_range", "the range is empty or beyond 2^53");
  }
  // At most 2^54 cursors: no sum here overflows.
  const std::int64_t cursors = range.end - range.start + 1;
  const std::int64_t count = cursors / size + (cursors % size == 0 ? 0 : 1);
  if (count > kChunksPerTaskMax) {
    return fatal_error("too_many_chunks", "the range would give " + std::to_string(count) +
                                              " chunks, more than " +
                                              std::to_string(kChunksPerTaskMax));
  }
  return RangeChunks(range, size, count);
}

CursorRange RangeChunks::at(std::int64_t number) const {
  const std::int64_t start = range_.start + number * size_;
  return {.start = start, .end = std::min(range_.end, start + size_ - 1)};
}

JsonText chunk_payload(std::string_view payload, const CursorRange& chunk) {
  const auto document = parse_object(payload.empty() ? "{}" : payload, "payload");
  if (!document.ok()) return {};
  const JsonValue root = document->root();
  if (root.size() == 0) return {};
  if (!root.find("source").is_object()) return json_of(root);
  std::string text;
  JsonLine line(text);
  for (const JsonValue member : root) {
    const std::string_view name = member.key();
    if (name == "start") {
      line.number("start", chunk.start);
    } else if (name == "end") {
      line.number("end", chunk.end);
    } else if (name != "first_seq" && name != "last_seq" && name != "count") {
      std::string key;
      base::append_json_text(key, name);
      line.raw(std::string_view(key).substr(1, key.size() - 2), json_of(member));
    }
  }
  line.end();
  return text;
}

}  // namespace weir::operators
