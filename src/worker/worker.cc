// SPDX-License-Identifier: Apache-2.0
#include "worker/worker.h"

#include <unistd.h>

#include <array>
#include <utility>

#include "worker/limits.h"

namespace weir::worker {

std::string worker_id_of(const WorkerConfig& config) {
  if (!config.worker_id.empty()) return config.worker_id;
  std::array<char, 128> host = {};
  gethostname(host.data(), host.size() - 1);
  return std::string(host.data()) + ":" + std::to_string(getpid());
}

Result<std::unique_ptr<Worker>> Worker::create(const WorkerConfig& config, WorkerPorts ports) {
  WEIR_TRY(OperatorTable operators, OperatorTable::load(config));
  return std::unique_ptr<Worker>(new Worker(config, std::move(ports), std::move(operators)));
}

Worker::Worker(const WorkerConfig& config, WorkerPorts ports, OperatorTable operators)
    : config_(config),
      ports_(std::move(ports)),
      operators_(std::move(operators)),
      api_(ports_.dispatcher, worker_id_of(config), config.runtime, operators_.announced()),
      converter_({.program = operators_.program(),
                  .duckdb_library = config.duckdb_library,
                  .folder = ports_.scratch.folder()}),
      heartbeats_({config.cancel_grace, config.kill_after}, api_, ports_.clock, ports_.random,
                  ports_.log),
      completions_(api_, ports_.clock, ports_.random, ports_.log),
      slots_(slot_parts()),
      claims_(ports_.dispatcher, api_, slots_, completions_, ports_.clock, ports_.random,
              ports_.log) {}

Worker::~Worker() { drain(); }

SlotParts Worker::slot_parts() {
  return {.config = config_,
          .operators = operators_,
          .scratch = ports_.scratch,
          .guardian = ports_.guardian,
          .secrets = ports_.secrets,
          .hidden = ports_.hidden,
          .door = {.api = api_,
                   .objects = ports_.objects,
                   .rows = ports_.rows,
                   .clock = ports_.clock,
                   .random = ports_.random,
                   .log = ports_.log,
                   .cancel_grace = config_.cancel_grace,
                   .kill_after = config_.kill_after,
                   .converter = &converter_},
          .heartbeats = heartbeats_,
          .completions = completions_,
          .clock = ports_.clock,
          .log = ports_.log};
}

void Worker::start() {
  completions_.start();
  heartbeats_.start();
  slots_.start();
  claims_.start();
}

bool Worker::drain() {
  claims_.stop();
  if (!slots_.wait_idle(config_.drain)) {
    slots_.stop_all({StopReason::Drain, config_.kill_after});
  }
  slots_.join();
  heartbeats_.stop();
  return completions_.stop(kLastReports);
}

}  // namespace weir::worker
