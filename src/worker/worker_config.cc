// SPDX-License-Identifier: Apache-2.0
#include "worker/worker_config.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <thread>
#include <utility>

#include "worker/limits.h"

namespace weir::worker {
namespace {

using server::Config;
using server::ValueKind;

constexpr std::size_t kWorkerIdBytesMax = 256;
constexpr double kSecondsMax = 3600;
constexpr unsigned kSlotsDefaultMax = 16;

using Keys = std::vector<server::KeyDescription>;

Keys work_keys() {
  return {
      {.key = "internal_socket",
       .meaning = "Unix socket of the dispatcher's internal listener.",
       .example = "/run/weir/internal.sock"},
      {.key = "worker_token_file",
       .meaning = "File of the worker token, mode 0400.",
       .example = "/etc/weir/worker.token"},
      {.key = "worker_id",
       .meaning = "Names this worker in claims.",
       .default_words = "host and process"},
      {.key = "runtime",
       .default_text = "ecs_platform",
       .meaning = "The runtime whose tasks it claims.",
       .allowed = {"ecs_platform"}},
      {.key = "operators",
       .kind = ValueKind::TextList,
       .meaning = "Operators whose tasks it claims, `name` or `name@version`.",
       .default_words = "the built-in ones and those of operators_file"},
      {.key = "operators_file",
       .meaning = "Registry file of extension operators, for their commands."},
      {.key = "slots",
       .kind = ValueKind::Integer,
       .meaning = "Operators that run at once.",
       .at_least = 1,
       .at_most = kSlotsMax,
       .example = "4",
       .default_words = "as many as cores, at most 16"},
      {.key = "drain_seconds",
       .kind = ValueKind::Number,
       .default_text = "5",
       .meaning = "How long running operators may go on after SIGTERM; then they are stopped and "
                  "their tasks released.",
       .unit = "seconds",
       .at_least = 0,
       .at_most = kSecondsMax},
      {.key = "cancel_grace_seconds",
       .kind = ValueKind::Number,
       .default_text = "30",
       .meaning = "From SIGTERM to SIGKILL of an operator whose task was canceled.",
       .unit = "seconds",
       .at_least = 0,
       .at_most = 30},
  };
}

Keys place_keys() {
  return {
      {.key = "object_root",
       .meaning = "Folder of the object store.",
       .example = "/var/lib/weir/objects"},
      {.key = "ingest_roots",
       .kind = ValueKind::TextMap,
       .meaning = "Folders that `table_ingest` reads from, by name."},
      {.key = "data_dsn",
       .meaning = "PostgreSQL of schema `data`, for rows of `direct` outputs. Without it they are "
                  "refused.",
       .secret = true},
      {.key = "data_role",
       .default_text = "weir_sink",
       .meaning = "Role that these sessions take on."},
      {.key = "secrets",
       .kind = ValueKind::TextMap,
       .meaning = "What operators get as TRACE_SECRET_<NAME>: name and the file that holds it."},
      {.key = "scratch_folder",
       .meaning = "Where attempts work; its path has at most 70 bytes.",
       .example = "/var/lib/weir/scratch"},
      {.key = "log_folder",
       .meaning = "Where logs of attempts are kept, 1 MiB each.",
       .example = "/var/lib/weir/task_logs"},
      {.key = "operator_program",
       .meaning = "Program behind the built-in operators.",
       .default_words = "this program"},
      {.key = "duckdb_library",
       .meaning = "libduckdb.so, for operators that write Parquet.",
       .default_words = "beside the program"},
  };
}

Duration seconds(double count) {
  return std::chrono::round<Duration>(std::chrono::duration<double>(count));
}

bool is_secret_name(std::string_view name) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  return !name.empty() && name.find_first_not_of(kLetters) == std::string_view::npos;
}

}  // namespace

std::vector<server::KeyDescription> worker_config_keys() {
  Keys keys = work_keys();
  for (server::KeyDescription& key : place_keys()) keys.push_back(std::move(key));
  return keys;
}

server::LoadOptions worker_load_options(std::optional<std::filesystem::path> file) {
  return {.path = std::move(file),
          .section = std::string(kConfigSection),
          .env_prefix = "WEIR__WORKER__",
          .environment = server::process_environment()};
}

Result<void> WorkerConfig::validate() const {
  std::vector<Fault> faults;
  const auto fault = [&](const char* key, const char* text) {
    faults.push_back({"value_not_allowed", key, std::string(key) + " " + text});
  };
  const auto need = [&](const char* key, const std::string& value) {
    if (value.empty()) fault(key, "is missing");
  };
  need("internal_socket", internal_socket);
  need("worker_token_file", worker_token_file);
  need("object_root", object_root);
  need("scratch_folder", scratch_folder);
  need("log_folder", log_folder);
  if (worker_id.size() > kWorkerIdBytesMax) fault("worker_id", "has more than 256 bytes");
  if (slots < 1 || slots > kSlotsMax) fault("slots", "must be from 1 to 256");
  if (scratch_folder.size() > kScratchPathBytesMax) {
    fault("scratch_folder", "is too long: sockets below it need a path of at most 70 bytes");
  }
  for (const auto* folder : {&object_root, &scratch_folder, &log_folder}) {
    if (!folder->empty() && !folder->starts_with('/')) {
      faults.push_back({"value_not_allowed", *folder, "`" + *folder + "` is no absolute path"});
    }
  }
  for (const auto& [name, file] : secret_files) {
    if (!is_secret_name(name)) fault("secrets", "has a name that is not of [A-Z0-9_]");
  }
  if (faults.empty()) return {};
  return base::invalid_argument("config_invalid", "the worker's configuration has " +
                                                      std::to_string(faults.size()) + " faults")
      .with_faults(std::move(faults));
}

Result<WorkerConfig> make_worker_config(const Config& config) {
  WorkerConfig out;
  out.internal_socket = config.text("internal_socket");
  out.worker_token_file = config.text("worker_token_file");
  out.worker_id = config.text("worker_id");
  out.runtime = config.text("runtime");
  out.operators = config.text_list("operators");
  out.operators_file = config.text("operators_file");
  out.slots =
      config.has("slots")
          ? static_cast<int>(config.integer("slots"))
          : static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, kSlotsDefaultMax));
  out.object_root = config.text("object_root");
  out.ingest_roots = config.text_map("ingest_roots");
  out.data_dsn = config.secret("data_dsn").reveal();
  out.data_role = config.text("data_role");
  out.secret_files = config.text_map("secrets");
  out.scratch_folder = config.text("scratch_folder");
  out.log_folder = config.text("log_folder");
  out.operator_program = config.text("operator_program");
  out.duckdb_library = config.text("duckdb_library");
  out.drain = seconds(config.number("drain_seconds"));
  out.cancel_grace = seconds(config.number("cancel_grace_seconds"));
  WEIR_CHECK(out.validate());
  return out;
}

}  // namespace weir::worker
