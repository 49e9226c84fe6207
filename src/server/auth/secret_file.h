// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>

#include "base/result.h"
#include "server/config/secret.h"

namespace weir::auth {

inline constexpr mode_t kOwnerReads = 0400;   ///< keys, worker tokens
inline constexpr mode_t kOwnerWrites = 0600;  ///< the user token, which is written anew

/// Writes a secret to a file of that mode. Whoever reads at that time sees the old content or the
/// new, whole; no moment gives it to others. UNAVAILABLE `file_unwritable` if it fails; nothing is
/// left behind then.
Result<void> write_secret_file(const std::filesystem::path& path, const server::Secret& content,
                               mode_t mode);

/// The same for a file that must not be there yet: ALREADY_EXISTS `file_exists` if it is, so that
/// of two that make a secret at once one wins whole.
Result<void> place_secret_file(const std::filesystem::path& path, const server::Secret& content,
                               mode_t mode);

/// The content without its last line end. NOT_FOUND `file_missing`; UNAVAILABLE `file_unreadable`;
/// FAILED_PRECONDITION `file_exposed` if others than the owner may do anything with it, or it is
/// another user's (root's apart): the message says how to mend that; INVALID_ARGUMENT
/// `file_invalid` if it is empty, no plain file, or longer than 64 KiB.
Result<server::Secret> read_secret_file(const std::filesystem::path& path);

}  // namespace weir::auth
