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
#include "server/http/listen_address.h"

/// The configuration of the dispatcher: the one key table that the parser, the sample file, `config
/// show` and the reference page read, and the typed form that the role runs on.
namespace weir::dispatcher {

/// The section of a larger file in which the keys stand.
inline constexpr std::string_view kConfigSection = "dispatcher";

/// Every key, in its order.
std::vector<server::KeyDescription> dispatcher_config_keys();

/// Where the keys are read from: `file` if given, with the environment (`WEIR__DISPATCHER__…`) over
/// it.
server::LoadOptions dispatcher_load_options(std::optional<std::filesystem::path> file);

/// The checked configuration. Plain data.
struct DispatcherConfig {
  /// PostgreSQL DSN of schema `state`. May hold a password: show it only through
  /// server::without_password.
  std::string state_dsn;
  /// PostgreSQL DSN of schema `data`; empty: the same database.
  std::string data_dsn = {};

  /// The user listener (section 3.1), and the sockets of the internal and the task listener.
  server::ListenAddress user{.host = "127.0.0.1", .port = 8002};
  std::string internal_socket;
  /// Empty: no task listener (wrappers serve its routes to their operators themselves).
  std::string task_socket = {};

  /// Folder of the object store.
  std::string object_root;
  /// Roots that `table_ingest` may read, name to folder.
  std::map<std::string, std::string> ingest_roots = {};
  /// Registry file of extension operators; empty: the built-in ones alone.
  std::string operators_file = {};

  /// File of the worker token: made, and registered, if it is not there.
  std::string worker_token_file;
  /// File of the key that signs capability tokens: made if it is not there.
  std::string capability_key_file;

  /// The local issuer of one machine: its key and the token of its one user, both files made if
  /// they are not there. Empty: user tokens come from `jwks_file`.
  std::string issuer_key_file = {};
  std::string user_token_file = {};
  /// Another issuer's public keys (a JWKS), its name, and the audience its tokens must be for.
  std::string jwks_file = {};
  std::string issuer = "urn:weir:issuer:local";
  std::string audience = "weir";
  /// The organisation of the local issuer's user, made if it is not there.
  std::string org = "default";

  /// Sessions with the state database at most.
  int sessions = 16;
  /// Handler threads of each listener.
  int handler_threads = 8;
  /// How long requests under way may take after SIGTERM.
  Duration drain = std::chrono::seconds(10);

  /// Gives all faults at once, each with the key: INVALID_ARGUMENT `config_invalid`.
  Result<void> validate() const;
};

/// The typed form of a loaded configuration, checked by validate().
Result<DispatcherConfig> make_dispatcher_config(const server::Config& config);

}  // namespace weir::dispatcher
