// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "drivers/process/file_descriptor.h"
#include "drivers/process/user.h"

// The files of a private server. Its folder belongs to a user with fewer rights than we may have,
// so nothing here follows a symbolic link that this user could have planted.
namespace weir::postgres {

/// Folder with `postgres` and `initdb`. `configured` if not empty; else of the installed versions
/// the one that wrote `data_dir`, or the newest if there is no data. Fails with
/// FailedPrecondition `postgres_missing`.
Result<std::filesystem::path> find_binaries(const std::filesystem::path& configured,
                                            const std::filesystem::path& data_dir);

/// Major version that wrote a data folder; nothing if it is none.
std::optional<int> data_version(const std::filesystem::path& data_dir);

/// Whom a server may run as: nothing (as we do) unless we are root; then `configured`, or the owner
/// of the data, or `postgres`, or `nobody`. Fails with FailedPrecondition `state_dir_unusable`.
Result<std::optional<process::User>> choose_user(const std::string& configured,
                                                 const std::filesystem::path& data_dir);

/// Makes `folder` (mode 0700, owned by `user`), or checks that it is such a one. Fails with
/// FailedPrecondition `state_dir_unusable`.
Result<void> make_private_folder(const std::filesystem::path& folder,
                                 const std::optional<process::User>& user);

/// Fails with `state_dir_unusable`, naming the part of the path that `user` cannot pass.
Result<void> check_reachable(const std::filesystem::path& folder,
                             const std::optional<process::User>& user);

/// Takes the lock file for as long as the descriptor is open. Fails with FailedPrecondition
/// `cluster_in_use` (who holds it in the message) or `state_dir_unusable`.
Result<process::FileDescriptor> take_lock(const std::filesystem::path& file);

/// Where the socket goes: `preferred` if its path is short enough and has no comma, else a short
/// folder under /run or /tmp, named after `preferred`. Made, private to `user`.
Result<std::filesystem::path> make_socket_folder(const std::filesystem::path& preferred,
                                                 const std::optional<process::User>& user);

/// Opens a log file for appending; one larger than kClusterLogBytesMax is moved to `<file>.1`
/// before. Fails with `state_dir_unusable`.
Result<process::FileDescriptor> open_log(const std::filesystem::path& file);

/// The last lines of a file from byte `from` on, at most 2 KiB.
std::string read_tail(const std::filesystem::path& file, std::uintmax_t from = 0);

/// Copies a data folder and gives it to `user`. Fails with Internal.
Result<void> copy_data(const std::filesystem::path& from, const std::filesystem::path& to,
                       const std::optional<process::User>& user);

/// Makes a rename inside `folder` last through a crash of the machine.
Result<void> sync_folder(const std::filesystem::path& folder);

}  // namespace weir::postgres
