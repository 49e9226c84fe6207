// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "operators/task_payload.h"
#include "storage/commit_verifier.h"

/// What operators emit (contract section 3.3.4).
namespace weir::operators {

/// One event of a call; exactly one of `cursor` and `partition_key`.
struct EmittedEvent {
  int output = 0;
  std::optional<Cursor> cursor = {};
  std::optional<std::string> partition_key = {};
  std::optional<CursorRange> range = {};            ///< with `partition_key`
  JsonText payload = {};                            ///< a JSON object, or empty: none
  std::optional<std::int64_t> batch_no = {};        ///< of an `ordered` operator
  std::optional<storage::CommitNamed> commit = {};  ///< of a parquet output

  bool operator==(const EmittedEvent& other) const;
};

/// What an operator remembers from task to task: a JSON object, with the revision it was read at
/// (0: there is none yet).
struct OperatorState {
  JsonText state = "{}";
  std::int64_t revision = 0;

  friend bool operator==(const OperatorState&, const OperatorState&) = default;
};

/// A state that is written with the events it explains, if the row still has `expect_revision`.
struct StateChange {
  std::string state_key = "default";
  std::int64_t expect_revision = 0;
  JsonText state = "{}";

  friend bool operator==(const StateChange&, const StateChange&) = default;
};

/// One call of section 3.3.4, all or nothing: at most kEventsPerCallMax events, or a state, or
/// both.
struct EmitCall {
  std::vector<EmittedEvent> events = {};
  std::optional<StateChange> state = {};

  friend bool operator==(const EmitCall&, const EmitCall&) = default;
};

/// `{"events":[…],"state":…}`: the body of the call without the fence.
std::string write_emit_call(const EmitCall& call);

}  // namespace weir::operators
