// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "server/config/config.h"
#include "server/config/config_file.h"
#include "server/config/config_key.h"

/// The configuration of the worker wrapper: the one key table that the parser, the sample file and
/// `config show` read, and the typed form that the role runs on.
namespace weir::worker {

/// The section of a larger file in which the keys stand.
inline constexpr std::string_view kConfigSection = "worker";

/// Every key, in its order.
std::vector<server::KeyDescription> worker_config_keys();

/// Where the keys are read from: `file` if given, with the environment (`WEIR__WORKER__…`) over it.
server::LoadOptions worker_load_options(std::optional<std::filesystem::path> file);

/// The checked configuration. Plain data.
struct WorkerConfig {
  /// The Unix socket of the dispatcher's internal listener.
  std::string internal_socket;
  /// File of the worker token (server/auth/worker_token.h).
  std::string worker_token_file;
  /// Names this wrapper in claims, 1 to 256 bytes; empty: host and process.
  std::string worker_id = {};
  /// The runtime whose tasks it claims.
  std::string runtime = "ecs_platform";
  /// Operators it claims tasks of, `name` or `name@version`; empty: the built-in ones and all of
  /// `operators_file`.
  std::vector<std::string> operators = {};
  /// Registry file of extension operators, for their commands; empty: none.
  std::string operators_file = {};
  /// Operators that run at once.
  int slots = 1;

  /// Folder of the object store.
  std::string object_root;
  /// Roots of `table_ingest`, name to folder.
  std::map<std::string, std::string> ingest_roots = {};
  /// PostgreSQL DSN of schema `data`; empty: tasks with `direct` outputs are refused their rows.
  /// May hold a password: show it only through server::without_password.
  std::string data_dsn = {};
  /// The role that its sessions take on; empty: none, the login is it.
  std::string data_role = "weir_sink";
  /// Values of `TRACE_SECRET_<NAME>`, name to the file that holds it.
  std::map<std::string, std::string> secret_files = {};

  /// Where attempts work. Its path has at most kScratchPathBytesMax bytes: sockets stand below it.
  std::string scratch_folder;
  /// Where their logs are kept.
  std::string log_folder;
  /// The program behind built-in operators (`<program> operator NAME`); empty: this very program.
  std::string operator_program = {};
  /// libduckdb.so for built-in operators; empty: beside the program.
  std::string duckdb_library = {};

  /// How long running operators may go on after SIGTERM before they are stopped and released.
  Duration drain = std::chrono::seconds(5);
  /// From SIGTERM to SIGKILL of an operator whose task was canceled.
  Duration cancel_grace = std::chrono::seconds(30);
  /// The same at the deadline, when the lease was lost, and at a drain.
  Duration kill_after = std::chrono::seconds(2);

  /// Gives all faults at once, each with the key: INVALID_ARGUMENT `config_invalid`.
  Result<void> validate() const;
};

/// The typed form of a loaded configuration, checked by validate().
Result<WorkerConfig> make_worker_config(const server::Config& config);

}  // namespace weir::worker
