// SPDX-License-Identifier: Apache-2.0
#include "cli/up/task_plane.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "base/blake3.h"
#include "cli/up/limits.h"
#include "cli/up/state_folder.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kOnlyOwner = 0700;

/// Makes a folder that nobody else may enter, or checks that the one there is such.
Result<void> make_private(const fs::path& path) {
  if (mkdir(path.c_str(), kOnlyOwner) != 0 && errno != EEXIST) {
    return state_dir_unusable(path, std::generic_category().message(errno));
  }
  struct stat about{};
  if (lstat(path.c_str(), &about) != 0 || !S_ISDIR(about.st_mode)) {
    return state_dir_unusable(path, "is no folder");
  }
  if (about.st_uid != geteuid()) return state_dir_unusable(path, "is another user's folder");
  if ((about.st_mode & 0777U) != kOnlyOwner && chmod(path.c_str(), kOnlyOwner) != 0) {
    return state_dir_unusable(path, std::generic_category().message(errno));
  }
  return {};
}

Result<void> make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  return error ? Result<void>(state_dir_unusable(path, error.message())) : Result<void>();
}

/// A folder in /tmp that is always the same for a state folder and a user.
fs::path stand_in(const fs::path& state) {
  constexpr std::size_t kDigits = 16;
  const std::string name = std::to_string(geteuid()) + "\n" + state.string();
  return fs::path("/tmp") / ("weir-" + base::sha256_hex(name).substr(0, kDigits));
}

void add_key(std::string& out, std::string_view key, std::string_view value) {
  out.append("  ").append(key).append(": ").append(yaml_quoted(value)).append("\n");
}

void add_shared(std::string& out, const TaskPlaneConfig& config) {
  add_key(out, "internal_socket", config.folders.internal_socket().string());
  add_key(out, "worker_token_file", config.paths.worker_token().string());
  add_key(out, "object_root", config.paths.objects().string());
  add_key(out, "data_dsn", config.dsn);
  if (!config.options.operators_file.empty()) {
    add_key(out, "operators_file", config.options.operators_file);
  }
  if (config.options.ingest_roots.empty()) return;
  out += "  ingest_roots:\n";
  for (const auto& [name, folder] : config.options.ingest_roots) {
    out += "    " + yaml_quoted(name) + ": " + yaml_quoted(folder) + "\n";
  }
}

}  // namespace

std::string yaml_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += '\'';
    out += c;
  }
  return out + "'";
}

Result<ShortFolders> prepare_task_folders(const StatePaths& paths) {
  WEIR_CHECK(make_private(paths.keys()));
  WEIR_CHECK(make_folder(paths.objects()));
  WEIR_CHECK(make_folder(paths.task_logs()));
  ShortFolders folders{.sockets = paths.sockets(), .scratch = paths.scratch()};
  if (folders.internal_socket().string().size() > kShortPathBytesMax ||
      folders.scratch.string().size() > kShortPathBytesMax) {
    const fs::path instead = stand_in(paths.root);
    WEIR_CHECK(make_private(instead));
    folders = {.sockets = instead / "sockets", .scratch = instead / "scratch"};
  }
  WEIR_CHECK(make_private(folders.sockets));
  WEIR_CHECK(make_private(folders.scratch));
  return folders;
}

std::string task_plane_yaml(const TaskPlaneConfig& config) {
  std::string out = "dispatcher:\n";
  add_key(out, "state_dsn", config.dsn);
  add_key(out, "http_host", config.host);
  out += "  http_port: " + std::to_string(config.port) + "\n";
  add_key(out, "capability_key_file", config.paths.capability_key().string());
  add_key(out, "issuer_key_file", config.paths.issuer_key().string());
  add_key(out, "user_token_file", config.paths.user_token().string());
  add_shared(out, config);
  out += "worker:\n";
  out += "  slots: " + std::to_string(config.options.worker_slots) + "\n";
  add_key(out, "scratch_folder", config.folders.scratch.string());
  add_key(out, "log_folder", config.paths.task_logs().string());
  add_shared(out, config);
  return out;
}

}  // namespace weir::cli
