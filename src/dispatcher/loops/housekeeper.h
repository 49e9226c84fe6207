// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "dispatcher/ports/registry/postgres_housekeeping.h"
#include "server/log.h"
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
  explicit Housekeeper(HousekeeperParts parts) : parts_(parts) {}
  ~Housekeeper();
  Housekeeper(const Housekeeper&) = delete;
  Housekeeper& operator=(const Housekeeper&) = delete;

  void start();
  void stop() WEIR_EXCLUDES(mutex_);

  /// One pass each; the thread does nothing else.
  void audit();
  void keep();
  void recount();
  void sweep();

 private:
  void run() WEIR_EXCLUDES(mutex_);
  bool sleep_until(Duration at) WEIR_EXCLUDES(mutex_);
  bool stopping() WEIR_EXCLUDES(mutex_);

  const HousekeeperParts parts_;
  base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ WEIR_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace weir::dispatcher
