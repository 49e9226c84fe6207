// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/clock.h"
#include "operators/task_api.h"

namespace weir::operators {

/// TaskApi over the wrapper's socket. Tries a call again, at most kTaskApiTries times in all with
/// rising pauses, where nothing is known of what it did or the other side says to come back.
class HttpTaskApi final : public TaskApi {
 public:
  /// `endpoint` is `unix:<socket>` or `http://host:port`. Fatal `environment_invalid`. The clock
  /// must outlive it.
  static Result<std::unique_ptr<HttpTaskApi>> open(const std::string& endpoint, Clock& clock);
  ~HttpTaskApi() override;
  HttpTaskApi(const HttpTaskApi&) = delete;
  HttpTaskApi& operator=(const HttpTaskApi&) = delete;

  Result<EmitAnswer> emit(const EmitCall& call) override;
  Result<OperatorState> operator_state(std::string_view state_key) override;
  Result<RowsWritten> put_rows(const RowsTarget& target, RowsFormat format,
                               storage::ByteSource& rows) override;
  Result<void> get_rows(const RowsQuery& query, RowsFormat format, const RowsSink& sink) override;
  Result<std::int64_t> delete_rows(const RowsQuery& query) override;
  Result<StoredObject> put_object(std::string_view name, std::optional<int> output,
                                  storage::ByteSource& bytes) override;
  Result<HeartbeatAnswer> heartbeat(const Progress& progress) override;

 private:
  class Wire;
  explicit HttpTaskApi(std::unique_ptr<Wire> wire);
  std::unique_ptr<Wire> wire_;
};

/// A problem answer as an Error: its `code` as reason, ABORTED of the fence's 409, UNAVAILABLE of
/// 429 and 5xx. Shared with the tests.
Error problem_error(int status, std::string_view body);

}  // namespace weir::operators
