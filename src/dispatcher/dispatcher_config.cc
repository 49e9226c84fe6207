// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dispatcher_config.h"

#include <filesystem>
#include <utility>

#include "base/text.h"

namespace weir::dispatcher {
namespace {

using server::KeyDescription;
using server::ValueKind;

constexpr double kPortMax = 65535;
constexpr double kDrainMax = 3600;
/// What fits into the address of a Unix socket.
constexpr std::size_t kSocketPathMax = 107;

std::vector<KeyDescription> store_keys() {
  return {
      {.key = "state_dsn",
       .meaning = "PostgreSQL database of the task plane: definitions, tasks, queue.",
       .example = "postgresql://weir@localhost/weir"},
      {.key = "data_dsn",
       .meaning = "PostgreSQL database of the tables of datasets; without it the same one.",
       .example = "postgresql://weir@localhost/weir_data"},
      {.key = "object_root",
       .meaning = "Folder of the object store. Workers must see the same folder.",
       .example = "/var/lib/weir/objects"},
      {.key = "ingest_roots",
       .kind = ValueKind::TextMap,
       .meaning = "Folders that `table_ingest` may read, by name; `default` is meant where a job "
                  "names none."},
      {.key = "operators_file",
       .meaning = "Registry file of extension operators, JSON; without it the built-in ones alone.",
       .example = "operators.json"},
  };
}

std::vector<KeyDescription> listener_keys() {
  return {
      {.key = "http_host",
       .default_text = "127.0.0.1",
       .meaning = "Address of the user listener, `/v1/*`."},
      {.key = "http_port",
       .kind = ValueKind::Integer,
       .default_text = "8002",
       .meaning = "Port of the user listener; 0 takes a free one.",
       .at_least = 0,
       .at_most = kPortMax},
      {.key = "internal_socket",
       .meaning = "Unix socket of the internal listener, `/internal/*`. Its folder is for workers "
                  "and roles alone.",
       .example = "/run/weir/internal/dispatcher.sock"},
      {.key = "task_socket",
       .meaning = "Unix socket of the task listener, `/v1/task/*`; without it there is none, and "
                  "wrappers serve their operators themselves.",
       .example = "/run/weir/task/dispatcher.sock"},
      {.key = "sessions",
       .kind = ValueKind::Integer,
       .default_text = "16",
       .meaning = "Sessions with the state database at most.",
       .at_least = 6,
       .at_most = 1000},
      {.key = "handler_threads",
       .kind = ValueKind::Integer,
       .default_text = "8",
       .meaning = "Threads that answer requests, of each listener.",
       .at_least = 1,
       .at_most = 256},
      {.key = "drain_seconds",
       .kind = ValueKind::Number,
       .default_text = "10",
       .meaning = "How long requests under way may take after SIGTERM.",
       .unit = "seconds",
       .at_least = 0,
       .at_most = kDrainMax},
  };
}

std::vector<KeyDescription> credential_keys() {
  return {
      {.key = "worker_token_file",
       .meaning = "File of the token by which workers enter the internal listener; made and "
                  "registered if it is not there.",
       .example = "/var/lib/weir/keys/worker.token"},
      {.key = "capability_key_file",
       .meaning = "File of the key that signs the tokens of tasks; made if it is not there.",
       .example = "/var/lib/weir/keys/capability.pem"},
      {.key = "issuer_key_file",
       .meaning = "Key of the local issuer of user tokens, for one machine; made if it is not "
                  "there. Without it tokens come from `jwks_file`.",
       .example = "/var/lib/weir/keys/issuer.pem"},
      {.key = "user_token_file",
       .meaning = "Where the local issuer keeps the token of its one user, an admin; renewed by "
                  "itself.",
       .example = "/var/lib/weir/user.token"},
      {.key = "jwks_file",
       .meaning = "Public keys of another issuer of user tokens (a JWK set).",
       .example = "/etc/weir/jwks.json"},
      {.key = "issuer",
       .default_text = "urn:weir:issuer:local",
       .meaning = "Issuer that a user token must name."},
      {.key = "audience",
       .default_text = "weir",
       .meaning = "Audience that a user token must name."},
      {.key = "org",
       .default_text = "default",
       .meaning = "Organisation of the local issuer's user; made if it is not there."},
  };
}

/// Collects what is wrong with a configuration, key by key.
class Faults {
 public:
  void add(const char* reason, const char* key, std::string text) {
    faults_.push_back({reason, key, std::move(text)});
  }
  void required(const std::string& value, const char* key) {
    if (value.empty()) add("value_missing", key, std::string(key) + " must be given");
  }
  void socket(const std::string& path, const char* key) {
    if (path.size() > kSocketPathMax) {
      add("out_of_range", key, "a socket's path has at most 107 bytes");
    }
  }
  Result<void> finish() && {
    if (faults_.empty()) return {};
    return base::invalid_argument("config_invalid",
                                  "the configuration has " + std::to_string(faults_.size()) +
                                      (faults_.size() == 1 ? " fault" : " faults"))
        .with_faults(std::move(faults_));
  }

 private:
  std::vector<Fault> faults_;
};

}  // namespace

std::vector<KeyDescription> dispatcher_config_keys() {
  std::vector<KeyDescription> keys;
  for (const auto& part : {store_keys(), listener_keys(), credential_keys()}) {
    keys.insert(keys.end(), part.begin(), part.end());
  }
  return keys;
}

server::LoadOptions dispatcher_load_options(std::optional<std::filesystem::path> file) {
  server::LoadOptions options;
  options.path = std::move(file);
  options.section = std::string(kConfigSection);
  options.env_prefix = "WEIR__DISPATCHER__";
  options.environment = server::process_environment();
  return options;
}

Result<void> DispatcherConfig::validate() const {
  Faults faults;
  faults.required(state_dsn, "state_dsn");
  faults.required(internal_socket, "internal_socket");
  faults.required(object_root, "object_root");
  faults.required(worker_token_file, "worker_token_file");
  faults.required(capability_key_file, "capability_key_file");
  faults.socket(internal_socket, "internal_socket");
  faults.socket(task_socket, "task_socket");
  if (issuer_key_file.empty() == jwks_file.empty()) {
    faults.add("value_missing", "issuer_key_file",
               "give exactly one of issuer_key_file (one machine) and jwks_file");
  }
  if (issuer_key_file.empty() != user_token_file.empty()) {
    faults.add("value_missing", "user_token_file",
               "user_token_file goes with issuer_key_file, and only with it");
  }
  if (!server::is_loopback(user.host)) {
    faults.add("value_not_allowed", "http_host",
               "without TLS the user listener stays on this machine: give 127.0.0.1 or ::1");
  }
  return std::move(faults).finish();
}

Result<DispatcherConfig> make_dispatcher_config(const server::Config& config) {
  DispatcherConfig out;
  out.state_dsn = config.text("state_dsn");
  out.data_dsn = config.text("data_dsn");
  out.object_root = config.text("object_root");
  out.ingest_roots = config.text_map("ingest_roots");
  out.operators_file = config.text("operators_file");
  out.user = {.host = config.text("http_host"),
              .port = static_cast<std::uint16_t>(config.integer("http_port"))};
  out.internal_socket = config.text("internal_socket");
  out.task_socket = config.text("task_socket");
  out.sessions = static_cast<int>(config.integer("sessions"));
  out.handler_threads = static_cast<int>(config.integer("handler_threads"));
  out.drain =
      std::chrono::round<Duration>(std::chrono::duration<double>(config.number("drain_seconds")));
  out.worker_token_file = config.text("worker_token_file");
  out.capability_key_file = config.text("capability_key_file");
  out.issuer_key_file = config.text("issuer_key_file");
  out.user_token_file = config.text("user_token_file");
  out.jwks_file = config.text("jwks_file");
  out.issuer = config.text("issuer");
  out.audience = config.text("audience");
  out.org = config.text("org");
  WEIR_CHECK(out.validate());
  return out;
}

}  // namespace weir::dispatcher
