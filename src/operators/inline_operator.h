// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "operators/emitted_event.h"
#include "operators/task_payload.h"

/// Operators that the dispatcher runs in its own process (contract section 2.6): pure, without a
/// clock, a socket or a file.
///
///   WEIR_TRY(auto run, start_inline(payload, state));
///   while (auto call = run->next()) emit(*call);      // one call of section 3.3.4 each
///   complete(success);
namespace weir::operators {

/// The run of one task, page by page. Every page may be emitted again after a lost answer; a later
/// attempt that starts from the state it finds emits what is missing and nothing else.
/// Used by one thread.
class InlineRun {
 public:
  virtual ~InlineRun() = default;
  /// The next call to make, in order; nothing at the end. A page that holds a `state` expects the
  /// revision that the page before it left.
  virtual std::optional<EmitCall> next() = 0;
  /// The trigger's cursor was not beyond what came before: counts in `weir_out_of_order_total`.
  virtual bool out_of_order() const { return false; }
};

/// Whether `start_inline` knows the operator: `noop`, `range_aggregator`, `range_splitter`.
bool is_inline_operator(std::string_view name);
/// Whether it wants the state of key `default`: `range_aggregator` does; others take
/// OperatorState{}.
bool needs_state(std::string_view name);

/// Begins a task. A failure is told as failure.h says; nothing was emitted then. The payload need
/// not outlive the call.
Result<std::unique_ptr<InlineRun>> start_inline(const TaskPayload& payload,
                                                const OperatorState& state);

/// Triggers, which run in the transaction that creates their run: the one event each emits.
///
/// `trigger_cron`: the scheduled instant in epoch seconds.
EmittedEvent cron_event(Instant due);
/// `trigger_webhook`: the ordinal of the run, and the payload that was received (a JSON object).
EmittedEvent webhook_event(std::int64_t ordinal, JsonText payload);
/// `trigger_manual`: what the caller named. INVALID_ARGUMENT `scope_required` unless it is exactly
/// one of a cursor and a partition, with a range only beside the latter.
struct CallerScope {
  std::optional<Cursor> cursor = {};
  std::optional<std::string> partition_key = {};
  std::optional<CursorRange> range = {};
  JsonText payload = {};
};
Result<EmittedEvent> manual_event(const CallerScope& scope);

}  // namespace weir::operators
