// SPDX-License-Identifier: Apache-2.0
#include "operators/range_windows.h"

#include <utility>

#include "operators/failure.h"
#include "operators/json_members.h"
#include "operators/limits.h"

namespace weir::operators {
namespace {

Error config_invalid(std::string message) {
  return fatal_error("config_invalid", std::move(message));
}

bool is_whole(std::int64_t number) { return number >= -kWholeMax && number <= kWholeMax; }

/// The aligned boundary at or below a cursor. All numbers are within ±2^53, so nothing overflows.
std::int64_t window_start(const WindowConfig& config, std::int64_t cursor) {
  const std::int64_t distance = cursor - config.origin;
  std::int64_t k = distance / config.size;
  if (distance % config.size < 0) --k;
  return config.origin + k * config.size;
}

/// Counts the event of the highest cursor into what is open.
void count_in(WindowState& state) {
  if (state.count == 0) state.first_seq = state.high_seq;
  state.last_seq = state.high_seq;
  ++state.count;
}

/// Closes what is open up to `end`; what opens then begins at `next`.
Batch close(WindowState& state, std::int64_t end, std::int64_t next) {
  const Batch batch = {.number = state.batches,
                       .range = {.start = state.start, .end = end},
                       .count = state.count,
                       .first_seq = state.first_seq,
                       .last_seq = state.last_seq};
  ++state.batches;
  state.start = next;
  state.count = 0;
  state.first_seq = 0;
  state.last_seq = 0;
  return batch;
}

/// Collects closed batches into pages, each with the state after its last batch.
class Pages {
 public:
  Pages(WindowStep& step, std::size_t size) : step_(step), size_(size) {}

  void add(const Batch& batch, const WindowState& after) {
    if (step_.pages.empty() || step_.pages.back().batches.size() == size_) {
      step_.pages.push_back({.batches = {}, .state = after});
    }
    step_.pages.back().batches.push_back(batch);
    step_.pages.back().state = after;
  }
  /// The state at the end, with the last page or alone.
  void finish(const WindowState& after) {
    if (step_.pages.empty()) step_.pages.push_back({.batches = {}, .state = after});
    step_.pages.back().state = after;
  }

 private:
  WindowStep& step_;
  const std::size_t size_;
};

Result<void> check_windows(const WindowConfig& config, const WindowState& state) {
  if (!is_whole(state.start)) {
    return fatal_error("cursor_out_of_range", "a window would begin beyond 2^53");
  }
  if ((state.high - state.start) / config.size > kWindowsPerTaskMax) {
    return fatal_error("too_many_windows", "cursor " + std::to_string(state.high) +
                                               " would close more than " +
                                               std::to_string(kWindowsPerTaskMax) + " windows");
  }
  return {};
}

/// Closes every window that ends at or below the highest cursor, whose event is counted in the
/// window it is in.
void settle(const WindowConfig& config, WindowState& state, Pages& pages) {
  bool counted = false;
  for (;;) {
    const std::int64_t end = state.start + config.size - 1;
    if (!counted && state.high <= end) {
      count_in(state);
      counted = true;
    }
    if (state.high < end) break;
    const Batch batch = close(state, end, end + 1);
    pages.add(batch, state);
    if (counted) break;
  }
  state.settled = true;
  pages.finish(state);
}

void raise_high(WindowState& state, const WindowEvent& event) {
  state.begun = true;
  state.high = event.cursor;
  state.high_task = event.task;
  state.high_seq = event.seq;
}

Result<void> add_to_ranges(const WindowConfig& config, WindowState& state, const WindowEvent& event,
                           Pages& pages) {
  if (!state.begun) state.start = window_start(config, event.cursor);
  raise_high(state, event);
  state.settled = false;
  WEIR_CHECK(check_windows(config, state));
  settle(config, state, pages);
  return {};
}

void add_to_batch(const WindowConfig& config, WindowState& state, const WindowEvent& event,
                  Pages& pages) {
  if (state.count == 0) state.start = event.cursor;
  raise_high(state, event);
  count_in(state);
  if (state.count >= config.size) {
    const Batch batch = close(state, event.cursor, event.cursor);
    pages.add(batch, state);
  }
  pages.finish(state);
}

}  // namespace

Result<WindowConfig> WindowConfig::parse(std::string_view config_json) {
  WEIR_TRY(const JsonDocument document, parse_object(config_json, "config"));
  const JsonValue root = document.root();
  WindowConfig config;
  WEIR_TRY(const auto mode, optional_text(root, "mode"));
  if (mode && *mode != "range" && *mode != "count") {
    return config_invalid("`mode` must be range or count");
  }
  config.mode = mode == "count" ? WindowMode::Count : WindowMode::Range;
  const bool count = config.mode == WindowMode::Count;
  WEIR_TRY(config.size, needed_whole(root, count ? "batch_size" : "range_size"));
  WEIR_TRY(const auto origin, optional_whole(root, "origin"));
  config.origin = origin.value_or(0);
  WEIR_TRY(config.cursor_column, needed_text(root, "cursor_column"));
  if (config.size < 1 || config.size > kWholeMax) {
    return config_invalid("a window must have 1 to 2^53-1 cursors or events");
  }
  if (!is_whole(config.origin)) return config_invalid("`origin` must be within 2^53");
  return config;
}

Result<WindowStep> add_event(const WindowConfig& config, const WindowState& state,
                             const WindowEvent& event, std::size_t page) {
  if (!is_whole(event.cursor)) {
    return fatal_error("cursor_out_of_range", "the cursor is beyond 2^53");
  }
  WindowStep step;
  Pages pages(step, page);
  WindowState now = state;
  if (!now.settled) settle(config, now, pages);
  if (now.begun && event.cursor <= now.high) {
    step.out_of_order = event.cursor != now.high || event.task != now.high_task;
    return step;
  }
  if (config.mode == WindowMode::Count) {
    add_to_batch(config, now, event, pages);
  } else {
    WEIR_CHECK(add_to_ranges(config, now, event, pages));
  }
  return step;
}

}  // namespace weir::operators
