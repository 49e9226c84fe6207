// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "operators/task_payload.h"

/// How a range_aggregator cuts an ordered stream of cursors (contract section 6.12): pure, so that
/// the same config and the same events give the same batches (I37).
namespace weir::operators {

enum class WindowMode : std::uint8_t {
  Range,  ///< windows `[origin + k·size, origin + (k+1)·size − 1]`
  Count,  ///< every `size` events
};

struct WindowConfig {
  WindowMode mode = WindowMode::Range;
  std::int64_t size = 1;  ///< cursors of a window, or events of a batch
  std::int64_t origin = 0;
  std::string cursor_column = {};

  /// Reads the config of a job; fatal `config_invalid`.
  static Result<WindowConfig> parse(std::string_view config_json);
};

/// What an aggregator knows of one source version. Nothing is open before its first event.
struct WindowState {
  bool begun = false;
  std::int64_t high = 0;       ///< highest cursor seen
  std::string high_task = {};  ///< the task that brought it
  std::int64_t high_seq = 0;   ///< number of its event
  bool settled = true;         ///< false between two pages: its event is not counted yet
  std::int64_t start = 0;      ///< first cursor of the open window or batch
  std::int64_t batches = 0;    ///< how many were closed: the number of the next one
  std::int64_t count = 0;      ///< events in what is open
  std::int64_t first_seq = 0;  ///< of those, if there are any
  std::int64_t last_seq = 0;

  friend bool operator==(const WindowState&, const WindowState&) = default;
};

/// A closed window or batch.
struct Batch {
  std::int64_t number = 0;
  CursorRange range = {};
  std::int64_t count = 0;
  std::int64_t first_seq = 0;  ///< 0 of an empty window
  std::int64_t last_seq = 0;

  friend bool operator==(const Batch&, const Batch&) = default;
};

/// An event of the stream.
struct WindowEvent {
  std::string task = {};  ///< that it made
  std::int64_t seq = 0;
  std::int64_t cursor = 0;
};

/// What one event does. Closed batches come in pages of `page` at most, each with the state that is
/// to be kept with it; an event inside a window gives one page without batches, one that changes
/// nothing gives none.
struct WindowStep {
  struct Page {
    std::vector<Batch> batches;
    WindowState state;

    friend bool operator==(const Page&, const Page&) = default;
  };
  std::vector<Page> pages;
  bool out_of_order = false;  ///< the cursor was not beyond the highest, and no retry
};

/// Adds an event. What an event before it left open between two pages is closed first, whoever
/// comes next: its own task again, or a later one after that failed for good. Fatal
/// `cursor_out_of_range` where a window would leave what JSON carries, `too_many_windows` if the
/// event would close more than kWindowsPerTaskMax.
Result<WindowStep> add_event(const WindowConfig& config, const WindowState& state,
                             const WindowEvent& event, std::size_t page);

}  // namespace weir::operators
