// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

namespace weir::process {

/// A user of the system, as a process is run by.
struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name = {};
};

/// The user of that name or number, if there is one.
std::optional<User> find_user(const std::string& name);
std::optional<User> find_user(uid_t uid);

/// Takes the user's rights for good, with no groups but its own. Only between fork and exec: raw
/// calls, because glibc's wrappers signal all threads. False and errno if not allowed.
bool become_user(const User& user);

/// True if the user (or we, if none) could make `folder` its working folder.
bool can_enter(const std::optional<User>& user, const std::filesystem::path& folder);

}  // namespace weir::process
