// SPDX-License-Identifier: Apache-2.0
#include "drivers/process/user.h"

#include <pwd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace weir::process {
namespace {

constexpr std::size_t kUserRecordBytes = 16'384;  // names, paths and password field of a user

std::optional<User> user_of(int status, const passwd* found) {
  if (status != 0 || found == nullptr) return std::nullopt;
  return User{found->pw_uid, found->pw_gid, found->pw_name};
}

}  // namespace

std::optional<User> find_user(const std::string& name) {
  std::vector<char> buffer(kUserRecordBytes);
  passwd record{};
  passwd* found = nullptr;
  const int status = getpwnam_r(name.c_str(), &record, buffer.data(), buffer.size(), &found);
  return user_of(status, found);
}

std::optional<User> find_user(uid_t uid) {
  std::vector<char> buffer(kUserRecordBytes);
  passwd record{};
  passwd* found = nullptr;
  const int status = getpwuid_r(uid, &record, buffer.data(), buffer.size(), &found);
  return user_of(status, found);
}

bool become_user(const User& user) {
  return syscall(SYS_setgroups, 1, &user.gid) == 0 && syscall(SYS_setgid, user.gid) == 0 &&
         syscall(SYS_setuid, user.uid) == 0;
}

bool can_enter(const std::optional<User>& user, const std::filesystem::path& folder) {
  const char* path = folder.c_str();
  const User* other = user ? &*user : nullptr;
  const pid_t pid = fork();
  if (pid < 0) return false;
  if (pid == 0) _exit((other == nullptr || become_user(*other)) && chdir(path) == 0 ? 0 : 1);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status == 0;
}

}  // namespace weir::process
