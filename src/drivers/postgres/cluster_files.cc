// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/cluster_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <system_error>
#include <vector>

#include "base/blake3.h"
#include "base/error.h"
#include "drivers/postgres/limits.h"

namespace weir::postgres {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kPrivateFolder = 0700;
constexpr mode_t kPrivateFile = 0600;
constexpr std::uintmax_t kTailBytesMax = 2'048;
constexpr std::size_t kFolderNameHexDigits = 12;
constexpr std::string_view kSocketFile = "/.s.PGSQL.5432";
constexpr const char* kDebianVersions = "/usr/lib/postgresql";

Error unusable(const std::string& message) {
  return base::failed_precondition("state_dir_unusable", message);
}

Error unusable(const fs::path& path, int code) {
  return unusable(path.string() + ": " + std::strerror(code));
}

std::optional<int> to_number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool has_server(const fs::path& folder) {
  return access((folder / "postgres").c_str(), X_OK) == 0 &&
         access((folder / "initdb").c_str(), X_OK) == 0;
}

/// The newest of Debian's installed versions, or the wanted one.
std::optional<fs::path> debian_binaries(std::optional<int> wanted) {
  std::optional<fs::path> best;
  int best_version = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(kDebianVersions, error)) {
    const auto version = to_number(entry.path().filename().string());
    if (!version || (wanted && *version != *wanted) || *version < best_version) continue;
    if (!has_server(entry.path() / "bin")) continue;
    best_version = *version;
    best = entry.path() / "bin";
  }
  return best;
}

}  // namespace

Result<fs::path> find_binaries(const fs::path& configured, const fs::path& data_dir) {
  const auto missing = [](const std::string& message) {
    return base::failed_precondition("postgres_missing", message);
  };
  if (!configured.empty()) {
    if (has_server(configured)) return configured;
    return missing("no postgres and initdb in " + configured.string());
  }
  const std::optional<int> version = data_version(data_dir);
  if (auto found = debian_binaries(version)) return *std::move(found);
  if (version) {
    return missing(data_dir.string() + " was written by PostgreSQL " + std::to_string(*version) +
                   ", which is not installed: apt-get install postgresql-" +
                   std::to_string(*version));
  }
  return missing("PostgreSQL's server is not installed: apt-get install postgresql");
}

std::optional<int> data_version(const fs::path& data_dir) {
  std::ifstream file(data_dir / "PG_VERSION");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  return to_number(line);
}

Result<std::optional<process::User>> choose_user(const std::string& configured,
                                                 const fs::path& data_dir) {
  if (geteuid() != 0) return std::optional<process::User>();
  if (!configured.empty()) {
    auto user = process::find_user(configured);
    if (!user || user->uid == 0) return unusable("no unprivileged user " + configured);
    return user;
  }
  struct stat data{};
  if (lstat(data_dir.c_str(), &data) == 0 && data.st_uid != 0) {
    if (auto owner = process::find_user(data.st_uid)) return owner;
    return std::optional<process::User>({data.st_uid, data.st_gid, std::to_string(data.st_uid)});
  }
  for (const char* name : {"postgres", "nobody"}) {
    if (auto user = process::find_user(name); user && user->uid != 0) return user;
  }
  return unusable("PostgreSQL does not run as root, and there is no user postgres or nobody");
}

Result<void> make_private_folder(const fs::path& folder, const std::optional<process::User>& user) {
  if (mkdir(folder.c_str(), kPrivateFolder) != 0 && errno != EEXIST) {
    return unusable(folder, errno);
  }
  const process::FileDescriptor opened(
      open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!opened.open()) return unusable(folder, errno);
  struct stat found{};
  if (fstat(opened.number(), &found) != 0) return unusable(folder, errno);
  const uid_t wanted = user ? user->uid : geteuid();
  if (found.st_uid != wanted && found.st_uid != geteuid()) {
    return unusable(folder.string() + " belongs to user " + std::to_string(found.st_uid) +
                    ", not to " + (user ? user->name : std::to_string(wanted)));
  }
  if (user && found.st_uid != wanted && fchown(opened.number(), user->uid, user->gid) != 0) {
    return unusable(folder, errno);
  }
  if ((found.st_mode & 07777U) != kPrivateFolder && fchmod(opened.number(), kPrivateFolder) != 0) {
    return unusable(folder, errno);
  }
  return {};
}

Result<void> check_reachable(const fs::path& folder, const std::optional<process::User>& user) {
  if (process::can_enter(user, folder)) return {};
  fs::path passed;
  for (const fs::path& part : folder) {
    passed /= part;
    if (!process::can_enter(user, passed)) break;
  }
  return unusable("the database server runs as " + (user ? "user " + user->name : "this user") +
                  ", who cannot enter " + passed.string() +
                  ": choose another state folder, for example under /var/lib, or let others pass "
                  "(chmod o+x)");
}

Result<process::FileDescriptor> take_lock(const fs::path& file) {
  process::FileDescriptor lock(
      open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, kPrivateFile));
  if (!lock.open()) return unusable(file, errno);
  std::array<char, 32> holder{};
  if (flock(lock.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return unusable(file, errno);
    const ssize_t bytes = pread(lock.number(), holder.data(), holder.size() - 1, 0);
    const std::string who = bytes > 0 ? " (process " + std::string(holder.data()) + ")" : "";
    return base::failed_precondition(
        "cluster_in_use", file.parent_path().string() + " is in use by another process" + who);
  }
  const std::string pid = std::to_string(getpid());
  if (ftruncate(lock.number(), 0) != 0 || pwrite(lock.number(), pid.data(), pid.size(), 0) < 0) {
    return unusable(file, errno);
  }
  return lock;
}

Result<fs::path> make_socket_folder(const fs::path& preferred,
                                    const std::optional<process::User>& user) {
  // libpq takes a comma in a host for the end of its name.
  const std::string path = preferred.string();
  if (path.size() + kSocketFile.size() <= kSocketPathBytesMax && !path.contains(',')) {
    WEIR_CHECK(make_private_folder(preferred, user));
    return preferred;
  }
  const bool may_use_run = geteuid() == 0 && access("/run", W_OK) == 0;
  const std::string name = "weir-" + base::blake3_hex(path, kFolderNameHexDigits / 2);
  fs::path folder = fs::path(may_use_run ? "/run" : "/tmp") / name;
  WEIR_CHECK(make_private_folder(folder, user));
  return folder;
}

Result<process::FileDescriptor> open_log(const fs::path& file) {
  struct stat found{};
  if (lstat(file.c_str(), &found) == 0 &&
      static_cast<std::size_t>(found.st_size) > kClusterLogBytesMax) {
    std::error_code error;
    fs::rename(file, file.string() + ".1", error);
    if (error) return unusable(file, error.value());
  }
  process::FileDescriptor log(
      open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, kPrivateFile));
  if (!log.open()) return unusable(file, errno);
  return log;
}

std::string read_tail(const fs::path& file, std::uintmax_t from) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(file, error);
  if (error || size <= from) return {};
  std::ifstream stream(file, std::ios::binary);
  const std::uintmax_t start = size - from > kTailBytesMax ? size - kTailBytesMax : from;
  stream.seekg(static_cast<std::streamoff>(start));
  std::string text(size - start, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

Result<void> copy_data(const fs::path& from, const fs::path& to,
                       const std::optional<process::User>& user) {
  std::error_code error;
  fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::copy_symlinks, error);
  std::vector<fs::path> copied = {to};
  for (auto entry = fs::recursive_directory_iterator(to, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    copied.push_back(entry->path());
  }
  if (error) return base::internal("copy " + from.string() + ": " + error.message());
  for (const fs::path& path : copied) {
    if (user && lchown(path.c_str(), user->uid, user->gid) != 0) return unusable(path, errno);
  }
  return {};
}

Result<void> sync_folder(const fs::path& folder) {
  const process::FileDescriptor opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.open() || fsync(opened.number()) != 0) return unusable(folder, errno);
  return {};
}

}  // namespace weir::postgres
