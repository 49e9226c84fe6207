// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <CLI/App.hpp>

#include "base/result.h"
#include "dispatcher/dispatcher_config.h"
#include "dispatcher/ports/database/postgres_schema.h"
#include "drivers/postgres/connection.h"

/// What commands need that look past the user API, on the machine of a `weir up` or with the
/// dispatcher's own configuration.
namespace weir::cli {

struct LocalFlags {
  std::string config;
  std::string state_dir = ".weir";
};
void add_local_flags(CLI::App& command, LocalFlags& flags);

/// The dispatcher's configuration: the file named, else that of the state folder. NOT_FOUND
/// `no_config`; else as server::load_config.
Result<dispatcher::DispatcherConfig> load_local_config(const LocalFlags& flags);

/// A session with a database of the task plane, as one of its roles.
Result<std::unique_ptr<postgres::Connection>> connect_as(const std::string& dsn,
                                                         dispatcher::ServiceRole role);

/// The dsn of schema `data`.
const std::string& data_dsn_of(const dispatcher::DispatcherConfig& config);

/// Tells why a configuration cannot be used; the exit code that this is.
int refuse_config(const Error& error);

}  // namespace weir::cli
