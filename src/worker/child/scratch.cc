// SPDX-License-Identifier: Apache-2.0
#include "worker/child/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "worker/child/limits.h"

namespace weir::worker {
namespace {

namespace fs = std::filesystem;
using process::FileDescriptor;

constexpr std::string_view kLockName = "lock";
constexpr int kNamesMax = 16;
constexpr std::size_t kFolderBlockBytes = 1024;

Error scratch_unusable(const fs::path& folder, const char* what) {
  return base::failed_precondition("scratch_unusable", "scratch_folder " + folder.string() + ": " +
                                                           what + ": " + std::strerror(errno));
}

/// The lock of a worker's folder, if nobody holds it.
FileDescriptor try_lock(const fs::path& own) {
  FileDescriptor file(
      ::open((own / kLockName).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.open() && flock(file.number(), LOCK_EX | LOCK_NB) != 0) file.close();
  return file;
}

bool is_worker_folder(const fs::directory_entry& entry) {
  std::error_code error;
  return entry.path().filename().string().starts_with('w') &&
         entry.symlink_status(error).type() == fs::file_type::directory;
}

std::size_t sweep(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (is_worker_folder(entry)) found.push_back(entry.path());
  }
  std::size_t swept = 0;
  for (const fs::path& own : found) {
    const FileDescriptor lock = try_lock(own);
    if (!lock.open()) continue;
    Scratch::remove(own);
    ++swept;
  }
  return swept;
}

std::string random_name(Random& random) {
  constexpr std::size_t kDigits = 8;
  return "w" + base::uuid_v4(random).substr(0, kDigits);
}

/// Whether the folder is empty; its mode is then that of a new one.
bool reusable(const fs::path& folder) {
  const FileDescriptor file(
      ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  struct stat about = {};
  if (!file.open() || fstat(file.number(), &about) != 0) return false;
  constexpr std::string_view kSelf = ".";
  constexpr std::string_view kParent = "..";
  alignas(dirent64) std::array<char, kFolderBlockBytes> block;  // NOLINT(*-member-init)
  while (true) {
    const ssize_t got = getdents64(file.number(), block.data(), block.size());
    if (got <= 0)
      return got == 0 && ((about.st_mode & 07777) == 0700 || fchmod(file.number(), 0700) == 0);
    for (ssize_t at = 0; at < got;) {
      const auto* entry = reinterpret_cast<const dirent64*>(block.data() + at);
      const std::string_view name = entry->d_name;
      if (name != kSelf && name != kParent) return false;
      at += entry->d_reclen;
    }
  }
}

}  // namespace

Result<std::unique_ptr<Scratch>> Scratch::open(const fs::path& folder, Random& random) {
  std::error_code error;
  fs::create_directories(folder.parent_path(), error);
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return scratch_unusable(folder, "make it");
  }
  // One sweeper and maker at a time: a folder that has no lock yet is no dead worker's.
  const FileDescriptor maker(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!maker.open() || flock(maker.number(), LOCK_EX) != 0) {
    return scratch_unusable(folder, "lock it");
  }
  const std::size_t swept = sweep(folder);
  for (int tries = 0; tries < kNamesMax; ++tries) {
    const fs::path own = folder / random_name(random);
    if (mkdir(own.c_str(), 0700) != 0) {
      if (errno == EEXIST) continue;
      return scratch_unusable(folder, "make a folder in it");
    }
    FileDescriptor lock = try_lock(own);
    if (!lock.open()) return scratch_unusable(folder, "lock a folder in it");
    return std::unique_ptr<Scratch>(new Scratch(own, std::move(lock), swept));
  }
  return scratch_unusable(folder, "name a folder in it");
}

Scratch::~Scratch() { remove(own_); }

Result<fs::path> Scratch::make() const {
  fs::path folder;
  {
    const base::MutexLock lock(mutex_);
    if (!spare_.empty()) {
      folder = std::move(spare_.back());
      spare_.pop_back();
      return folder;
    }
    folder = own_ / std::to_string(++made_);
  }
  if (mkdir(folder.c_str(), 0700) != 0) {
    return base::unavailable("scratch_full",
                             "make the attempt's folder: " + std::string(std::strerror(errno)));
  }
  return folder;
}

void Scratch::give_back(const fs::path& attempt_folder) const {
  if (reusable(attempt_folder)) {
    const base::MutexLock lock(mutex_);
    if (spare_.size() < kSpareFoldersMax) {
      spare_.push_back(attempt_folder);
      return;
    }
  }
  remove(attempt_folder);
}

void Scratch::remove(const fs::path& attempt_folder) {
  std::error_code error;
  fs::remove_all(attempt_folder, error);
}

}  // namespace weir::worker
