// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "server/log.h"
#include "storage/object_store.h"
#include "worker/claim_loop.h"
#include "worker/completions.h"
#include "worker/dispatcher_port.h"
#include "worker/heartbeats.h"
#include "worker/operator_table.h"
#include "worker/rows/direct_rows.h"
#include "worker/rows/rows_converter.h"
#include "worker/slots.h"
#include "worker/worker_config.h"

namespace weir::worker {

/// What a worker is wired to; each outlives it.
struct WorkerPorts {
  DispatcherPort& dispatcher;
  storage::ObjectStore& objects;
  DirectRows* rows;  ///< null: there is no schema `data` here
  const Clock& clock;
  Random& random;
  server::Log& log;
  const Scratch& scratch;
  pid_t guardian = 0;
  /// `TRACE_SECRET_<NAME>` of operators.
  std::map<std::string, std::string> secrets = {};
  /// What no log of an operator may show, beside these.
  std::vector<std::string> hidden = {};
};

/// The wrapper: claims, runs, beats, reports. Made, started, drained, in this order, by one thread.
class Worker {
 public:
  /// Errors of OperatorTable::load. `config` outlives it.
  static Result<std::unique_ptr<Worker>> create(const WorkerConfig& config, WorkerPorts ports);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start();
  /// Claims nothing more, lets operators end for `config.drain`, stops and releases the others, and
  /// reports every outcome, within kLastReports. True if all were reported. Safe twice.
  bool drain();

 private:
  Worker(const WorkerConfig& config, WorkerPorts ports, OperatorTable operators);
  SlotParts slot_parts();

  const WorkerConfig& config_;
  const WorkerPorts ports_;
  const OperatorTable operators_;
  InternalApi api_;
  const RowsConverter converter_;
  Heartbeats heartbeats_;
  Completions completions_;
  Slots slots_;
  ClaimLoop claims_;
};

/// The name in claims: the configured one, else host and process.
std::string worker_id_of(const WorkerConfig& config);

}  // namespace weir::worker
