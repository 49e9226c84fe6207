// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "operators/task_api.h"

namespace weir::test {

/// TaskApi in memory: keeps what was emitted and sent, and gives rows that a test laid down. What
/// `before` returns fails the call of that name.
class MemoryTaskApi final : public operators::TaskApi {
 public:
  struct Sent {
    operators::RowsTarget target;
    operators::RowsFormat format;
    std::string text;
  };

  Result<operators::EmitAnswer> emit(const operators::EmitCall& call) override {
    WEIR_CHECK(before("emit"));
    if (call.state) {
      if (call.state->expect_revision != state.revision) {
        return Error(Code::Unavailable, "revision_conflict", "another revision");
      }
      state = {.state = call.state->state, .revision = state.revision + 1};
    }
    operators::EmitAnswer answer;
    for (const operators::EmittedEvent& event : call.events) {
      const auto same = [&](const operators::EmittedEvent& other) {
        return other.cursor == event.cursor && other.partition_key == event.partition_key;
      };
      const bool duplicate = std::ranges::any_of(events, same);
      if (!duplicate) events.push_back(event);
      answer.events.push_back(
          {.seq = static_cast<std::int64_t>(events.size()), .duplicate = duplicate});
    }
    if (call.state) answer.state_revision = state.revision;
    ++emit_calls;
    return answer;
  }

  Result<operators::OperatorState> operator_state(std::string_view) override {
    WEIR_CHECK(before("operator_state"));
    return state;
  }

  Result<operators::RowsWritten> put_rows(const operators::RowsTarget& target,
                                          operators::RowsFormat format,
                                          storage::ByteSource& bytes) override {
    WEIR_CHECK(before("put_rows"));
    Sent now{.target = target, .format = format, .text = {}};
    std::array<char, 4096> piece{};
    for (;;) {
      WEIR_TRY(const std::size_t got, bytes.read(piece));
      if (got == 0) break;
      now.text.append(piece.data(), got);
    }
    sent.push_back(std::move(now));
    return operators::RowsWritten{.rows = std::ranges::count(sent.back().text, '\n'),
                                  .applied = true};
  }

  Result<void> get_rows(const operators::RowsQuery& query, operators::RowsFormat format,
                        const operators::RowsSink& sink) override {
    WEIR_CHECK(before("get_rows"));
    asked.push_back(query);
    const std::string text = rows(query, format);
    for (std::size_t at = 0; at < text.size(); at += 1000) {
      WEIR_CHECK(sink(std::string_view(text).substr(at, 1000)));
    }
    return {};
  }

  Result<std::int64_t> delete_rows(const operators::RowsQuery& query) override {
    WEIR_CHECK(before("delete_rows"));
    deleted.push_back(query);
    return 5;
  }

  Result<operators::StoredObject> put_object(std::string_view, std::optional<int>,
                                             storage::ByteSource&) override {
    return base::unimplemented("not_here", "no test puts objects");
  }

  Result<operators::HeartbeatAnswer> heartbeat(const operators::Progress&) override {
    WEIR_CHECK(before("heartbeat"));
    return heard;
  }

  std::vector<operators::EmittedEvent> events;
  int emit_calls = 0;
  operators::OperatorState state;
  std::vector<Sent> sent;
  std::vector<operators::RowsQuery> asked;
  std::vector<operators::RowsQuery> deleted;
  operators::HeartbeatAnswer heard;
  std::function<std::string(const operators::RowsQuery&, operators::RowsFormat)> rows =
      [](const operators::RowsQuery&, operators::RowsFormat) { return std::string(); };
  std::function<Result<void>(std::string_view call)> before = [](std::string_view) {
    return Result<void>();
  };
};

}  // namespace weir::test
