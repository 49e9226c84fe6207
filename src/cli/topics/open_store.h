// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/App.hpp>

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "dagmanager/dagmanager_config.h"
#include "dagmanager/engines.h"
#include "server/system_clock.h"

/// The engines of a configuration file, for a command that works on them beside the servers.
namespace weir::cli {

struct OpenStore {
  dagmanager::DagmanagerConfig config;
  server::SystemClock clock;
  server::SystemRandom random;
  dagmanager::Engines engines;
};

/// `--config FILE`.
void add_config_flag(CLI::App& command, std::string& file);

/// The configuration of a DAG manager, without a file the default one; nothing, and all its faults
/// printed, if it does not start.
std::optional<dagmanager::DagmanagerConfig> read_dagmanager_config(const std::string& file);

/// Opens them; what is wrong is printed, and `exit_code` is what the command ends with then.
std::unique_ptr<OpenStore> open_store(const std::string& file, int& exit_code);

/// Who is logged as having done it: `cli:<user>`.
std::string cli_actor();

/// An instant as RFC 3339 has it; nothing, and a printed error, if it is none.
std::optional<Instant> time_flag(const char* flag, const std::string& text);

}  // namespace weir::cli
