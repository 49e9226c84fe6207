// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "dispatcher/dispatcher_config.h"

/// What `weir doctor` looks at: whether the task plane can work on this machine.
namespace weir::cli {

enum class Health : std::uint8_t { Ok, Warn, Fail };

struct Finding {
  std::string subject;  ///< "database", "object root"
  Health health = Health::Ok;
  std::string detail;
  std::string remedy = {};  ///< empty where nothing is to be done
};

/// Version, settings and roles of the databases, the clock's offset and the queue.
std::vector<Finding> examine_databases(const dispatcher::DispatcherConfig& config, Clock& clock);
/// Object root and ingest roots.
std::vector<Finding> examine_folders(const dispatcher::DispatcherConfig& config);
/// Modes and owners of the files that hold secrets.
std::vector<Finding> examine_secrets(const dispatcher::DispatcherConfig& config);
/// The engine of built-in operators, and what keeps operators apart.
std::vector<Finding> examine_operators();

std::string findings_text(const std::vector<Finding>& findings);
std::string findings_json(const std::vector<Finding>& findings);
bool any_failed(const std::vector<Finding>& findings);

}  // namespace weir::cli
