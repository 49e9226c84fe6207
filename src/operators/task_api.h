// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "operators/emitted_event.h"
#include "operators/task_payload.h"
#include "storage/byte_source.h"

/// What an operator's process may ask for (contract section 3.4): its worker's socket adds token
/// and fence and forwards these calls alone.
namespace weir::operators {

struct EventAccepted {
  Uuid event_id = {};
  std::int64_t seq = 0;
  bool duplicate = false;  ///< it was accepted before; the first one stays
};

struct EmitAnswer {
  std::vector<EventAccepted> events;  ///< in the order of the call
  std::optional<std::int64_t> state_revision;
};

/// Rows of a `direct` output, for one scope.
struct RowsTarget {
  int output = 0;
  std::optional<std::string> partition_key = {};
  std::optional<Cursor> cursor = {};  ///< exactly one of both
};

struct RowsWritten {
  std::int64_t rows = 0;
  bool applied = true;  ///< false: they were there already, or a newer attempt wrote
};

enum class RowsFormat : std::uint8_t { JsonLines, Parquet };

/// Rows of one grant, by cursor column; a bound that is missing does not bound.
struct RowsQuery {
  std::string relation = {};
  std::string cursor_column = {};
  std::optional<std::int64_t> start = {};  ///< inclusive
  std::optional<std::int64_t> end = {};    ///< inclusive
};

/// Takes the bytes of an answer, piece by piece; an error ends the reading and is given back.
using RowsSink = std::function<Result<void>(std::string_view bytes)>;

struct StoredObject {
  std::string uri;
  std::string sha256;
  std::uint64_t size = 0;
};

struct Progress {
  std::optional<double> fraction = {};  ///< 0 … 1
  std::string message = {};             ///< at most 1 KiB
  bool caught_up = false;
};

struct HeartbeatAnswer {
  bool canceled = false;  ///< stop; nothing that is emitted now is accepted
  bool paused = false;    ///< a source shall not produce
};

/// Port: the routes below `/v1/task/`. Used by one thread.
///
/// Every call may be repeated. A problem of the other side is an Error with its `code` as reason;
/// UNAVAILABLE where nothing is known of what the call did (the adapter has tried again before),
/// ABORTED where the attempt is over (409 of the fence, section 3.2).
class TaskApi {
 public:
  virtual ~TaskApi() = default;

  /// `POST events`.
  virtual Result<EmitAnswer> emit(const EmitCall& call) = 0;
  /// `POST operator-state`: the state of a key, `{}` at revision 0 if there is none.
  virtual Result<OperatorState> operator_state(std::string_view state_key) = 0;
  /// `PUT rows`. FAILED_PRECONDITION `rows_invalid`, `unique_key_conflict`.
  virtual Result<RowsWritten> put_rows(const RowsTarget& target, RowsFormat format,
                                       storage::ByteSource& rows) = 0;
  /// `GET rows`, streamed.
  virtual Result<void> get_rows(const RowsQuery& query, RowsFormat format,
                                const RowsSink& sink) = 0;
  /// `DELETE rows`: exactly that range of a `direct` or `buffered` table of the same DAG, in one
  /// transaction (section 6.13, `delete_after_compact`). Gives how many there were.
  virtual Result<std::int64_t> delete_rows(const RowsQuery& query) = 0;
  /// `PUT objects/{name}[?output=n]`: at most 16 MiB, below the attempt's scratch, or with `output`
  /// below that output's staging.
  virtual Result<StoredObject> put_object(std::string_view name, std::optional<int> output,
                                          storage::ByteSource& bytes) = 0;
  /// `POST heartbeat`: what the worker tells with its next one. Cheap; may be called often.
  virtual Result<HeartbeatAnswer> heartbeat(const Progress& progress) = 0;
};

}  // namespace weir::operators
