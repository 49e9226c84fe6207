// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/monitors/completion.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "dagmanager/core/monitors/limits.h"

namespace weir::dagmanager {
namespace {

QueueSilence silence_of(RowId queue, std::int64_t size, Duration lasted) {
  return {.queue = queue,
          .size = size,
          .lasted = std::chrono::duration_cast<std::chrono::milliseconds>(lasted)};
}

/// Whether a silence that goes on is worth writing down: a short one is soon counted anew, and one
/// of less than an interval is none.
bool is_worth_a_note(const QueueSilence& silence, const std::optional<QueueSilence>& noted,
                     Duration bound) {
  if (bound <= kSilenceUnnoted || silence.lasted < bound / 2) return false;
  return !noted || silence.size != noted->size || silence.lasted - noted->lasted >= bound / 8;
}

}  // namespace

Duration completion_after(std::int64_t interval_seconds) {
  const std::int64_t seconds = std::clamp<std::int64_t>(interval_seconds, 0, kSilenceSecondsMax);
  return std::max<Duration>(std::chrono::seconds(2 * seconds), kSilenceMin);
}

SilenceBook::SilenceBook(std::span<const QueueSilence> noted) {
  for (const QueueSilence& one : noted) {
    entries_[one.queue] = {.size = one.size, .lasted = one.lasted, .noted = one};
  }
}

CompletionPlan SilenceBook::judge(std::span<const QueueLook> looks, Duration since) {
  const Duration counted = since > kSilenceLookGap ? Duration::zero() : since;
  CompletionPlan plan;
  absl::btree_map<RowId, Entry> seen;
  for (const QueueLook& look : looks) {
    Entry entry = grown_by(look, counted);
    decide(look, entry, plan);
    seen.emplace_hint(seen.end(), look.queue, entry);
  }
  for (const auto& [row, entry] : entries_) {
    if (entry.noted && !seen.contains(row)) plan.forgotten.push_back(row);
  }
  std::ranges::sort(plan.completed, {}, &QueueSilence::queue);
  std::ranges::sort(plan.resumed);
  std::ranges::sort(plan.noted, {}, &QueueSilence::queue);
  entries_ = std::move(seen);
  return plan;
}

/// What is known of a queue after a look; one that was never looked at begins.
SilenceBook::Entry SilenceBook::grown_by(const QueueLook& look, Duration since) const {
  const auto found = entries_.find(look.queue);
  if (found == entries_.end()) return {.size = look.size.value_or(0)};
  Entry entry = found->second;
  if (!look.size) return entry;
  const bool is_silent = *look.size <= entry.size && (*look.size > 0 || look.completed);
  entry.lasted = is_silent ? entry.lasted + since : Duration::zero();
  entry.size = *look.size;
  return entry;
}

void SilenceBook::decide(const QueueLook& look, Entry& entry, CompletionPlan& plan) {
  const QueueSilence silence = silence_of(look.queue, entry.size, entry.lasted);
  const Duration bound = completion_after(look.interval);
  if (look.completed && entry.lasted < bound) {
    plan.resumed.push_back(look.queue);
    entry.noted.reset();
    return;
  }
  if (!look.completed && entry.size > 0 && entry.lasted >= bound) {
    plan.completed.push_back(silence);
    entry.noted = silence;
    ++plan.completed_in_all;
    return;
  }
  if (look.completed) ++plan.completed_in_all;
  if (entry.lasted == Duration::zero()) {
    if (entry.noted) plan.forgotten.push_back(look.queue);
    entry.noted.reset();
  } else if (look.completed ? !entry.noted || silence.size != entry.noted->size
                            : is_worth_a_note(silence, entry.noted, bound)) {
    plan.noted.push_back(silence);
    entry.noted = silence;
  }
}

}  // namespace weir::dagmanager
