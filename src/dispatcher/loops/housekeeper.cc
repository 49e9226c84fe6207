// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/loops/housekeeper.h"

#include <algorithm>
#include <string>
#include <vector>

#include "dispatcher/loops/limits.h"
#include "storage/limits.h"

namespace weir::dispatcher {

Housekeeper::~Housekeeper() { stop(); }

void Housekeeper::start() {
  thread_ = std::jthread([this] { run(); });
}

void Housekeeper::stop() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

bool Housekeeper::stopping() {
  const base::MutexLock lock(mutex_);
  return stopping_;
}

/// False once it stops.
bool Housekeeper::sleep_until(Duration at) {
  const base::MutexLock lock(mutex_);
  while (!stopping_) {
    const Duration left = at - parts_.clock.monotonic();
    if (left <= Duration::zero()) return true;
    changed_.wait_for(mutex_, left);
  }
  return false;
}

void Housekeeper::run() {
  const Duration begun = parts_.clock.monotonic();
  Duration audit_at = begun + kAuditPeriod;
  Duration keep_at = begun + kKeepPeriod;
  Duration recount_at = begun + kRecountPeriod;
  Duration sweep_at = begun + kSweepDelay;
  while (sleep_until(std::min({audit_at, keep_at, recount_at, sweep_at}))) {
    const Duration now = parts_.clock.monotonic();
    if (now >= audit_at) {
      audit();
      audit_at = now + kAuditPeriod;
    }
    if (now >= keep_at) {
      keep();
      keep_at = now + kKeepPeriod;
    }
    if (now >= recount_at) {
      recount();
      recount_at = now + kRecountPeriod;
    }
    if (now >= sweep_at) {
      sweep();
      sweep_at = now + kSweepPeriod;
    }
  }
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
  while (moved == kHistoryPage && !stopping()) {
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
  const auto removed =
      storage::remove_waste(parts_.objects, parts_.commits, before, [this] { return !stopping(); });
  if (!removed.ok()) {
    parts_.log.warning("files of attempts without a commit stay",
                       {{"reason", removed.error().reason()}});
  } else if (*removed > 0) {
    parts_.log.info("files of attempts without a commit are removed", {{"objects", *removed}});
  }
}

}  // namespace weir::dispatcher
