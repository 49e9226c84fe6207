// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/source_run.h"

#include "dispatcher/core/limits.h"

namespace weir::dispatcher {
namespace {

constexpr Duration kTick{1};

/// The last due instant at or before `now`; `first`, a due one, is not after `now`. Halves the span
/// between an instant that has a due one behind it and one that has none: about fifty steps,
/// however long the downtime was.
Instant latest_due(Instant first, const NextDue& next_due, Instant now) {
  Instant with = first - kTick;  // a due instant lies in (with, now]
  Instant without = now;         // none lies in (without, now]
  Instant latest = first;
  while (without - with > kTick) {
    const Instant middle = with + (without - with) / 2;
    const auto due = next_due(middle);
    if (due && *due <= now) {
      with = middle;
      latest = *due;
    } else {
      without = middle;
    }
  }
  return latest;
}

void name_skipped(Instant first, const NextDue& next_due, CronFiring& firing) {
  for (std::optional<Instant> at = first; at && *at < *firing.due; at = next_due(*at)) {
    if (firing.skipped.size() == kSkippedNamedMax) {
      firing.skipped_more = true;
      return;
    }
    firing.skipped.push_back(*at);
  }
}

}  // namespace

CronFiring decide_cron(const SourceRecord& source, const BuildFacts& build, const NextDue& next_due,
                       Instant now) {
  CronFiring firing;
  firing.source = source;
  const bool runs = source.enabled && build.dispatch == Dispatch::Open;
  if (!runs || !source.next_fire_at || *source.next_fire_at > now) return firing;
  firing.due = latest_due(*source.next_fire_at, next_due, now);
  name_skipped(*source.next_fire_at, next_due, firing);
  firing.source.last_fire_at = firing.due;
  firing.source.next_fire_at = next_due(*firing.due);
  return firing;
}

SourceRecord start_cron(const SourceRecord& source, const NextDue& next_due, Instant now) {
  SourceRecord started = source;
  started.next_fire_at = next_due(now);
  return started;
}

bool always_on_due(const SourceRecord& source, const BuildFacts& build, bool replaces_a_source) {
  if (!source.enabled) return false;
  if (build.dispatch == Dispatch::Building) return replaces_a_source;
  return build.dispatch == Dispatch::Open;
}

TaskClass run_class(const BuildFacts& build) {
  return build.dispatch == Dispatch::Building ? TaskClass::Backfill : TaskClass::Live;
}

SourceRecord restart_always_on(const SourceRecord& source) {
  SourceRecord restarted = source;
  ++restarted.run_epoch;
  return restarted;
}

}  // namespace weir::dispatcher
