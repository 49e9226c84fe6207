// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace weir::cli {

/// Where a running `weir up` can be reached: the note in its folder, and what `-o json` prints.
struct UpNote {
  pid_t pid = 0;
  std::string grpc;  ///< "127.0.0.1:50051"; empty until ready
  std::string http;  ///< "http://127.0.0.1:8001"; empty until ready
  /// The task plane's user API, "http://127.0.0.1:8002"; empty until ready, and without it.
  std::string tasks = {};

  /// One JSON line.
  std::string json() const;
  static std::optional<UpNote> parse(std::string_view text);
};

/// What stands where below a state folder.
struct StatePaths {
  std::filesystem::path root;

  std::filesystem::path config_file() const { return root / "weir.yml"; }
  /// What a role says: "dagmanager", "dispatcher", "worker".
  std::filesystem::path log(std::string_view role) const {
    return root / (std::string(role) + ".log");
  }

  // Of the task plane.
  std::filesystem::path objects() const { return root / "objects"; }
  std::filesystem::path task_logs() const { return root / "logs"; }
  std::filesystem::path keys() const { return root / "keys"; }
  std::filesystem::path worker_token() const { return keys() / "worker.token"; }
  std::filesystem::path user_token() const { return keys() / "user.token"; }
  std::filesystem::path capability_key() const { return keys() / "capability.pem"; }
  std::filesystem::path issuer_key() const { return keys() / "issuer.pem"; }
  std::filesystem::path scratch() const { return root / "scratch"; }
  std::filesystem::path sockets() const { return root / "sockets"; }
  std::filesystem::path internal_socket() const { return sockets() / "internal.sock"; }
};

/// The folder that a `weir up` owns. The file `up.lock` is held (flock) for as long as this lives,
/// also through a kill, and its text is the note. One owner a folder.
class StateFolder {
 public:
  /// Makes the folder if there is none and takes the lock. FAILED_PRECONDITION `already_up`, with
  /// the other's pid and addresses; `state_dir_unusable`.
  static Result<std::unique_ptr<StateFolder>> take(const std::filesystem::path& path);
  ~StateFolder();
  StateFolder(const StateFolder&) = delete;
  StateFolder& operator=(const StateFolder&) = delete;

  /// Writes the note over the one before.
  Result<void> note(const UpNote& note);

  const std::filesystem::path& path() const { return path_; }
  StatePaths paths() const { return StatePaths{path_}; }

 private:
  StateFolder(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::filesystem::path path_;
  int lock_;
};

/// FAILED_PRECONDITION `state_dir_unusable`, with what mends it.
Error state_dir_unusable(const std::filesystem::path& path, const std::string& why);

/// The note of the `weir up` that holds this folder now; nothing if none does.
Result<std::optional<UpNote>> running_in(const std::filesystem::path& path);

/// Sends SIGTERM to the holder of this folder and waits until it ended. False if there was none.
/// DEADLINE_EXCEEDED `still_up` after `span`.
Result<bool> stop_running_in(const std::filesystem::path& path, Duration span);

/// The end of a text file after its first `skipped` bytes, at most kLogTailBytesMax, beginning with
/// a whole line, without a line end.
std::string log_tail(const std::filesystem::path& path, std::uintmax_t skipped = 0);

}  // namespace weir::cli
