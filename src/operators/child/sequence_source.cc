// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <optional>
#include <utility>

#include "base/json_line.h"
#include "operators/child/context.h"
#include "operators/child/pulse.h"
#include "operators/failure.h"
#include "operators/json_members.h"
#include "operators/limits.h"
#include "operators/sequence.h"

namespace weir::operators {
namespace {

constexpr std::string_view kStateKey = "default";

/// Emits the cursors of a sequence, at most one call per kSourceCallPause.
class Follower {
 public:
  Follower(const OperatorContext& context, Sequence sequence)
      : context_(context), pulse_(context), sequence_(sequence) {}

  /// Where it was left: from its state, or, where that cannot be asked for, from the beginning,
  /// whose events are duplicates then.
  Result<void> resume() {
    auto state = context_.api.operator_state(kStateKey);
    if (!state.ok()) {
      if (state.error().code() != Code::NotFound) return std::move(state).error();
      return {};
    }
    revision_ = state->revision;
    keeps_state_ = true;
    WEIR_TRY(const JsonDocument document, parse_object(state->state, "state"));
    WEIR_TRY(const auto last, optional_whole(document.root(), "last"));
    WEIR_TRY(const auto version, optional_text(document.root(), "version"));
    // A new version of the output has none of the old one's events.
    if (last && version == this->version()) sequence_.skip_to(*last);
    sequence_.restart_pace();
    return {};
  }

  Result<JsonText> follow() {
    Duration began = context_.clock.monotonic();
    while (!sequence_.done()) {
      if (context_.stopping()) return retryable_error("stopped", "the source was told to stop");
      const HeartbeatAnswer answer = pulse_.beat({.caught_up = true});
      if (answer.canceled) return retryable_error("canceled", "the run was canceled");
      if (answer.paused) {
        context_.clock.sleep_for(kSourceNap);
        began = context_.clock.monotonic();
        sequence_.restart_pace();
        continue;
      }
      const auto cursors = sequence_.due(context_.clock.monotonic() - began, kEventsPerCallMax);
      if (!cursors.empty()) WEIR_CHECK(emit(cursors));
      nap(began);
    }
    return result();
  }

 private:
  std::string version() const {
    const TaskOutput* output = context_.payload.output(0);
    return output == nullptr ? std::string() : output->version.text();
  }

  Result<void> emit(const std::vector<std::int64_t>& cursors) {
    EmitCall call;
    for (const std::int64_t cursor : cursors) call.events.emplace_back().cursor = Cursor(cursor);
    if (keeps_state_) {
      std::string state;
      JsonLine line(state);
      line.number("last", cursors.back()).text("version", version()).end();
      call.state = StateChange{.state_key = std::string(kStateKey),
                               .expect_revision = revision_,
                               .state = std::move(state)};
    }
    WEIR_TRY(const EmitAnswer answer, context_.api.emit(call));
    if (keeps_state_) revision_ = answer.state_revision.value_or(revision_ + 1);
    emitted_ += static_cast<std::int64_t>(cursors.size());
    sequence_.skip_to(cursors.back());
    return {};
  }

  /// Sleeps until the next cursor is due, in steps short enough to notice the end.
  void nap(Duration began) {
    if (sequence_.done()) return;
    const Duration due = sequence_.next_due();
    context_.clock.sleep_for(kSourceCallPause);
    while (!context_.stopping()) {
      const Duration left = due - (context_.clock.monotonic() - began);
      if (left <= Duration::zero()) return;
      context_.clock.sleep_for(std::min(left, kSourceNap));
    }
  }

  JsonText result() const {
    std::string text;
    JsonLine line(text);
    line.number("emitted", emitted_).end();
    return text;
  }

  const OperatorContext& context_;
  Pulse pulse_;
  Sequence sequence_;
  std::int64_t revision_ = 0;
  bool keeps_state_ = false;
  std::int64_t emitted_ = 0;
};

}  // namespace

Result<JsonText> run_sequence_source(const OperatorContext& context) {
  WEIR_TRY(const Sequence sequence, Sequence::parse(context.payload.config));
  Follower follower(context, sequence);
  WEIR_CHECK(follower.resume());
  return follower.follow();
}

}  // namespace weir::operators
