// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "dispatcher/core/commands.h"
#include "dispatcher/core/derived_ids.h"
#include "dispatcher/core/records.h"

/// Source runs (contract section 5.2). A run is a task of kind `source_run` whose id follows from
/// what makes it due, so that a run made twice is one run. What becomes of it then is the machine
/// of transitions.h.
namespace weir::dispatcher {

/// A row of `source_state`, as far as the decisions go.
struct SourceRecord {
  BuildId build_id;
  bool enabled = true;
  std::optional<Instant> next_fire_at;  ///< of a cron source
  std::optional<Instant> last_fire_at;
  std::int64_t run_epoch = 1;  ///< of an always_on source

  friend bool operator==(const SourceRecord&, const SourceRecord&) = default;
};

/// The first instant after the given one at which the schedule is due; nothing if there is none.
/// Pure, and rising with its argument.
using NextDue = std::function<std::optional<Instant>(Instant after)>;

/// What a cron source does now.
struct CronFiring {
  std::optional<Instant> due;    ///< the instant that gets its run: the latest missed one
  std::vector<Instant> skipped;  ///< older missed ones, for the audit: the first kSkippedNamedMax
  bool skipped_more = false;     ///< there were more between those and `due`
  SourceRecord source;           ///< the row afterwards; as it was when nothing is due
};

/// Fires if `next_fire_at` has come. After a downtime the latest missed instant alone gets a run.
/// A disabled source, and one of a build that is not open, does nothing.
CronFiring decide_cron(const SourceRecord& source, const BuildFacts& build, const NextDue& next_due,
                       Instant now);

/// A source whose build has just opened, or was enabled: its first instant after `now`.
SourceRecord start_cron(const SourceRecord& source, const NextDue& next_due, Instant now);

/// Whether an always_on source needs its run made: enabled, its build open, or building where it
/// replaces a source of the leaving side.
bool always_on_due(const SourceRecord& source, const BuildFacts& build, bool replaces_a_source);

/// The class of a source's run: backfill while its build is built, live once it is open.
TaskClass run_class(const BuildFacts& build);

/// A reset of its outputs, or a user's restart: the next run is another one.
SourceRecord restart_always_on(const SourceRecord& source);

}  // namespace weir::dispatcher
