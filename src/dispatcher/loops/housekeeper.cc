// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/loops/housekeeper.h"

#include <algorithm>
#include <string>
#include <vector>

#include "dispatcher/loops/limits.h"
#include "storage/limits.h"

namespace weir::dispatcher {

void Housekeeper::start() {
  const Duration begun = parts_.clock.monotonic();
  Schedule due{.audit = begun + kAuditPeriod,
               .keep = begun + kKeepPeriod,
               .recount = begun + kRecountPeriod,
               .sweep = begun + kSweepDelay};
  thread_.start(begun, [this, due]() mutable { return turn(due); });
}

/// What is due by now; gives when the next is.
Duration Housekeeper::turn(Schedule& due) {
  const Duration now = parts_.clock.monotonic();
  if (now >= due.audit) {
    audit();
    due.audit = now + kAuditPeriod;
  }
  if (now >= due.keep) {
    keep();
    due.keep = now + kKeepPeriod;
  }
  if (now >= due.recount) {
    recount();
    due.recount = now + kRecountPeriod;
  }
  if (now >= due.sweep) {
    sweep();
    due.sweep = now + kSweepPeriod;
  }
  return std::min({due.audit, due.keep, due.recount, due.sweep});
}

void Housekeeper::audit() {
  const auto counts = parts_.work.audit();
  if (!counts.ok()) {
    parts_.log.warning("the auditor waits", {{"reason", counts.error().reason()}});
    return;
  }
  std::vector<server::GaugeSample> samples;
  for (const AuditCount& count : *counts) {
    samples.push_back({{{"id", std::string(count.id)}}, static_cast<double>(count.violations)});
    if (count.violations == 0) continue;
    parts_.log.error("an invariant is violated",
                     {{"id", count.id}, {"violations", count.violations}});
  }
  parts_.metrics.replace_gauges({"weir_invariant_violations", "Violations of invariants by id"},
                                samples);
}

void Housekeeper::keep() {
  std::size_t moved = kHistoryPage;
  while (moved == kHistoryPage && !thread_.stopping()) {
    const auto page = parts_.work.move_history();
    if (!page.ok()) {
      parts_.log.warning("history waits", {{"reason", page.error().reason()}});
      return;
    }
    moved = *page;
  }
  if (const auto removed = parts_.work.remove_expired(); !removed.ok()) {
    parts_.log.warning("what is past its time stays", {{"reason", removed.error().reason()}});
  }
}

void Housekeeper::recount() {
  const auto wrong = parts_.work.recount();
  if (!wrong.ok()) {
    parts_.log.warning("the recount waits", {{"reason", wrong.error().reason()}});
    return;
  }
  for (const Recounted& counter : *wrong) {
    parts_.log.error("a counter was wrong and was set right",
                     {{"build", counter.build}, {"queue", counter.queue}});
  }
}

void Housekeeper::sweep() {
  const Instant before = parts_.clock.now() - storage::kStagingRetention;
  const auto removed = storage::remove_waste(parts_.objects, parts_.commits, before,
                                             [this] { return !thread_.stopping(); });
  if (!removed.ok()) {
    parts_.log.warning("files of attempts without a commit stay",
                       {{"reason", removed.error().reason()}});
  } else if (*removed > 0) {
    parts_.log.info("files of attempts without a commit are removed", {{"objects", *removed}});
  }
}

}  // namespace weir::dispatcher
