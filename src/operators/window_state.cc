// SPDX-License-Identifier: Apache-2.0
#include "operators/window_state.h"

#include <utility>

#include "base/json_line.h"
#include "operators/failure.h"
#include "operators/json_members.h"

namespace weir::operators {
namespace {

Result<WindowState> read_state(JsonValue from) {
  WindowState state;
  WEIR_TRY(const auto settled, optional_bool(from, "settled"));
  state.begun = true;
  state.settled = settled.value_or(true);
  WEIR_TRY(state.high, needed_whole(from, "high"));
  WEIR_TRY(state.high_task, needed_text(from, "high_task"));
  WEIR_TRY(state.high_seq, needed_whole(from, "high_seq"));
  WEIR_TRY(state.start, needed_whole(from, "start"));
  WEIR_TRY(state.batches, needed_whole(from, "batches"));
  WEIR_TRY(state.count, needed_whole(from, "count"));
  WEIR_TRY(state.first_seq, needed_whole(from, "first_seq"));
  WEIR_TRY(state.last_seq, needed_whole(from, "last_seq"));
  return state;
}

Error state_invalid(const Error& cause) {
  return fatal_error("state_invalid", "the state is none of this operator: " + cause.message());
}

}  // namespace

Result<WindowStates> read_window_states(std::string_view json) {
  auto document = parse_object(json, "state");
  if (!document.ok()) return state_invalid(document.error());
  WindowStates states;
  for (const JsonValue each : document->root().find("windows")) {
    auto state = read_state(each);
    if (!state.ok()) return state_invalid(state.error());
    states.emplace(each.key(), *std::move(state));
  }
  return states;
}

std::string write_window_states(const WindowStates& states) {
  std::string text;
  JsonLine line(text);
  line.key("windows");
  JsonLine windows(text);
  for (const auto& [version, state] : states) {
    if (!state.begun) continue;
    windows.key(version);
    JsonLine each(text);
    each.number("high", state.high).text("high_task", state.high_task);
    each.number("high_seq", state.high_seq).flag("settled", state.settled);
    each.number("start", state.start).number("batches", state.batches);
    each.number("count", state.count).number("first_seq", state.first_seq);
    each.number("last_seq", state.last_seq).end();
  }
  windows.end();
  line.end();
  return text;
}

}  // namespace weir::operators
