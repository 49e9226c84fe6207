// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/clock.h"
#include "dispatcher/ports/registry/postgres_housekeeping.h"
#include "server/log.h"
#include "server/loop_thread.h"
#include "server/metrics.h"
#include "storage/staging_waste.h"

namespace weir::dispatcher {

struct HousekeeperParts {
  PostgresHousekeeping& work;
  storage::ObjectStore& objects;
  storage::CommitLedger& commits;
  server::Metrics& metrics;
  Clock& clock;
  server::Log& log;
};

/// The slow loops (contract section 6.5) in one thread: the auditor each kAuditPeriod, history and
/// what is past its time each kKeepPeriod, the recount each kRecountPeriod, the files of attempts
/// that committed nothing each kSweepPeriod (section 6.7, point 5).
class Housekeeper {
 public:
  explicit Housekeeper(HousekeeperParts parts) : parts_(parts), thread_(parts.clock) {}

  void start();
  void stop() { thread_.stop(); }

  /// One pass each; the thread does nothing else.
  void audit();
  void keep();
  void recount();
  void sweep();

 private:
  /// When each is due next, by the monotonic clock.
  struct Schedule {
    Duration audit;
    Duration keep;
    Duration recount;
    Duration sweep;
  };

  Duration turn(Schedule& due);

  const HousekeeperParts parts_;
  server::LoopThread thread_;
};

}  // namespace weir::dispatcher
