// SPDX-License-Identifier: Apache-2.0
#include "operators/inline_operator.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "operators/batch_manifest.h"
#include "operators/failure.h"
#include "operators/json_members.h"
#include "operators/limits.h"
#include "operators/range_chunks.h"
#include "operators/range_windows.h"
#include "operators/window_state.h"

namespace weir::operators {
namespace {

/// Calls that are known when the run begins.
class PreparedRun final : public InlineRun {
 public:
  explicit PreparedRun(std::deque<EmitCall> calls, bool out_of_order = false)
      : calls_(std::move(calls)), out_of_order_(out_of_order) {}

  std::optional<EmitCall> next() override {
    if (calls_.empty()) return std::nullopt;
    EmitCall call = std::move(calls_.front());
    calls_.pop_front();
    return call;
  }
  bool out_of_order() const override { return out_of_order_; }

 private:
  std::deque<EmitCall> calls_;
  const bool out_of_order_;
};

using Run = Result<std::unique_ptr<InlineRun>>;

Run start_noop(const TaskPayload& payload) {
  EmittedEvent event;
  if (payload.trigger) {
    event.cursor = payload.trigger->cursor;
    event.partition_key = payload.trigger->partition_key;
    event.range = payload.trigger->range;
    event.payload = payload.trigger->payload;
  } else if (payload.scope.partition_key) {
    event.partition_key = payload.scope.partition_key;
    event.range = payload.scope.range;
  } else if (payload.scope.cursor_to) {
    event.cursor = payload.scope.cursor_to;
  } else {
    return fatal_error("scope_required", "the task covers neither a cursor nor a partition");
  }
  return std::make_unique<PreparedRun>(std::deque<EmitCall>{{.events = {std::move(event)}}});
}

/// The calls of a step: a page of windows each, with the state they leave.
class WindowCalls {
 public:
  WindowCalls(const TaskInput& input, const WindowConfig& config, WindowStates states,
              std::int64_t revision)
      : input_(input), config_(config), states_(std::move(states)), revision_(revision) {}

  std::deque<EmitCall> of(const WindowStep& step) {
    std::deque<EmitCall> calls;
    for (const WindowStep::Page& page : step.pages) {
      EmitCall call;
      for (const Batch& batch : page.batches) call.events.push_back(event_of(batch));
      states_[input_.version.text()] = page.state;
      call.state =
          StateChange{.expect_revision = revision_++, .state = write_window_states(states_)};
      calls.push_back(std::move(call));
    }
    return calls;
  }

 private:
  EmittedEvent event_of(const Batch& batch) const {
    return {.partition_key = range_partition_key(batch.range),
            .range = batch.range,
            .payload = write_batch_manifest({.dataset = input_.dataset,
                                             .version = input_.version,
                                             .dataset_id = input_.dataset_id,
                                             .cursor_column = config_.cursor_column,
                                             .mode = config_.mode,
                                             .batch = batch}),
            .batch_no = batch.number};
  }

  const TaskInput& input_;
  const WindowConfig& config_;
  WindowStates states_;
  std::int64_t revision_;
};

/// Versions that are no input any more are forgotten, so that the state cannot grow for ever.
void forget_others(WindowStates& states, const TaskPayload& payload) {
  std::erase_if(states, [&](const auto& entry) {
    return std::ranges::none_of(payload.inputs, [&](const TaskInput& input) {
      return input.version.text() == entry.first;
    });
  });
}

Run start_aggregator(const TaskPayload& payload, const OperatorState& state) {
  WEIR_TRY(const WindowConfig config, WindowConfig::parse(payload.config));
  if (!payload.trigger) return fatal_error("trigger_missing", "an aggregator adds events");
  const TaskTrigger& trigger = *payload.trigger;
  const TaskInput* input = payload.input(trigger.input);
  if (input == nullptr) return fatal_error("input_missing", "the trigger's input is not granted");
  const auto* cursor = trigger.cursor ? std::get_if<std::int64_t>(&*trigger.cursor) : nullptr;
  if (cursor == nullptr) {
    return fatal_error("cursor_not_integer", "windows are cut from integer cursors only");
  }
  WEIR_TRY(WindowStates states, read_window_states(state.state));
  forget_others(states, payload);
  const WindowEvent event = {.task = payload.task_id.text(), .seq = trigger.seq, .cursor = *cursor};
  WEIR_TRY(const WindowStep step,
           add_event(config, states[input->version.text()], event, kEventsPerCallMax));
  WindowCalls calls(*input, config, std::move(states), state.revision);
  return std::make_unique<PreparedRun>(calls.of(step), step.out_of_order);
}

/// Pages of chunks, made as they are asked for.
class SplitterRun final : public InlineRun {
 public:
  SplitterRun(RangeChunks chunks, JsonText payload)
      : chunks_(chunks), payload_(std::move(payload)) {}

  std::optional<EmitCall> next() override {
    if (at_ >= chunks_.count()) return std::nullopt;
    EmitCall call;
    while (at_ < chunks_.count() && call.events.size() < kEventsPerCallMax) {
      const CursorRange chunk = chunks_.at(at_++);
      call.events.push_back({.partition_key = range_partition_key(chunk),
                             .range = chunk,
                             .payload = chunk_payload(payload_, chunk)});
    }
    return call;
  }

 private:
  const RangeChunks chunks_;
  const JsonText payload_;
  std::int64_t at_ = 0;
};

Run start_splitter(const TaskPayload& payload) {
  WEIR_TRY(const JsonDocument config, parse_object(payload.config, "config"));
  WEIR_TRY(const std::int64_t size, needed_whole(config.root(), "chunk_size"));
  if (!payload.scope.range && !(payload.trigger && payload.trigger->range)) {
    return fatal_error("range_missing", "the partition has no start and end to split");
  }
  const CursorRange range = payload.scope.range ? *payload.scope.range : *payload.trigger->range;
  WEIR_TRY(const RangeChunks chunks, RangeChunks::of(range, size));
  return std::make_unique<SplitterRun>(chunks,
                                       payload.trigger ? payload.trigger->payload : JsonText());
}

}  // namespace

bool is_inline_operator(std::string_view name) {
  return name == "noop" || name == "range_aggregator" || name == "range_splitter";
}

bool needs_state(std::string_view name) { return name == "range_aggregator"; }

Run start_inline(const TaskPayload& payload, const OperatorState& state) {
  if (payload.op == "noop") return start_noop(payload);
  if (payload.op == "range_aggregator") return start_aggregator(payload, state);
  if (payload.op == "range_splitter") return start_splitter(payload);
  return fatal_error("unknown_operator", payload.op + " is not run by the dispatcher");
}

EmittedEvent cron_event(Instant due) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(due.time_since_epoch());
  return {.cursor = Cursor(std::int64_t{seconds.count()})};
}

EmittedEvent webhook_event(std::int64_t ordinal, JsonText payload) {
  return {.cursor = Cursor(ordinal), .payload = std::move(payload)};
}

Result<EmittedEvent> manual_event(const CallerScope& scope) {
  if (scope.cursor.has_value() == scope.partition_key.has_value() ||
      (scope.range && !scope.partition_key)) {
    return base::invalid_argument("scope_required",
                                  "name a cursor, or a partition with or without its range");
  }
  return EmittedEvent{.cursor = scope.cursor,
                      .partition_key = scope.partition_key,
                      .range = scope.range,
                      .payload = scope.payload};
}

}  // namespace weir::operators
