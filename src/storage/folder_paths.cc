// SPDX-License-Identifier: Apache-2.0
#include "storage/folder_paths.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "base/text.h"
#include "storage/store_faults.h"

namespace weir::storage {
namespace {

using process::FileDescriptor;

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

/// Why a folder of a key did not open.
Error folder_fault(int above, const std::string& name, const ObjectKey& key, Missing missing) {
  const int cause = errno;
  if (cause == ENOENT && missing == Missing::Refuse) return object_not_found(key);
  if (cause == ENOENT) return base::unavailable("folder_vanished", "a folder was taken away");
  if (cause != ENOTDIR && cause != ELOOP) return machine_fault("open a folder of an object", cause);
  struct stat facts{};
  if (fstatat(above, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(facts.st_mode)) {
    return path_unsafe(key.text());
  }
  return missing == Missing::Make ? key_conflict(key) : object_not_found(key);
}

Result<void> make_folder(int above, const std::string& name) {
  if (mkdirat(above, name.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    if (errno == ENOENT) return base::unavailable("folder_vanished", "a folder was taken away");
    return machine_fault("make a folder", errno);
  }
  if (fsync(above) != 0) return machine_fault("sync a folder", errno);
  return {};
}

/// A page of a listing under way.
class Lister {
 public:
  explicit Lister(const ListOptions& options) : after_(options.after), limit_(options.limit) {}

  /// Visits a folder whose keys begin with `path`.
  Result<void> visit(int folder, const std::string& path) {
    WEIR_TRY(auto names, names_in(folder));
    // A folder sorts as its keys do: with its slash.
    std::vector<std::pair<std::string, struct stat>> entries;
    for (std::string& name : names) {
      struct stat facts{};
      if (fstatat(folder, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) continue;  // gone
      if (S_ISDIR(facts.st_mode)) name += '/';
      if (S_ISDIR(facts.st_mode) || S_ISREG(facts.st_mode)) entries.emplace_back(name, facts);
    }
    std::ranges::sort(entries, {}, &std::pair<std::string, struct stat>::first);
    for (const auto& [name, facts] : entries) {
      if (full()) return {};
      WEIR_CHECK(name.ends_with('/') ? enter(folder, path, name) : add(path + name, facts));
    }
    return {};
  }

  Result<ObjectPage> finish() && {
    if (full()) page_.next_after = page_.objects.back().key.text();
    return std::move(page_);
  }

 private:
  bool full() const { return page_.objects.size() == limit_; }

  Result<void> enter(int folder, const std::string& path, const std::string& name) {
    const std::string below = path + name;
    if (after_ > below && !after_.starts_with(below)) return {};  // all of it was listed
    const FileDescriptor opened(
        openat(folder, name.substr(0, name.size() - 1).c_str(), kFolderFlags));
    if (opened.open()) return visit(opened.number(), below);
    const int cause = errno;
    if (cause == ENOENT || cause == ENOTDIR || cause == ELOOP) return {};  // gone, or no folder now
    return machine_fault("list a folder", cause);
  }

  Result<void> add(const std::string& text, const struct stat& facts) {
    if (text <= after_) return {};
    auto key = ObjectKey::parse(text);
    if (!key.ok()) return {};
    const auto modified = std::chrono::seconds(facts.st_mtim.tv_sec) +
                          std::chrono::nanoseconds(facts.st_mtim.tv_nsec);
    page_.objects.push_back({.key = *std::move(key),
                             .size = static_cast<std::uint64_t>(facts.st_size),
                             .modified = Instant(std::chrono::duration_cast<Duration>(modified))});
    return {};
  }

  const std::string after_;
  const std::size_t limit_;
  ObjectPage page_;
};

/// The folder of a prefix: its last segment opened as a folder.
Result<FileDescriptor> open_prefix(int root, const ObjectPrefix& prefix) {
  WEIR_TRY(const auto key, prefix.key("-"));  // any key in it
  WEIR_TRY(auto path, walk(root, key, Missing::Refuse));
  return std::move(path.folders.back());
}

void prune_folder(int folder) {
  const auto names = names_in(folder);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    const FileDescriptor below(openat(folder, name.c_str(), kFolderFlags));
    if (!below.open()) continue;
    prune_folder(below.number());
    unlinkat(folder, name.c_str(), AT_REMOVEDIR);  // stays if it holds anything
  }
}

}  // namespace

Result<std::vector<std::string>> names_in(int folder) {
  const int again = openat(folder, ".", kFolderFlags);
  if (again < 0) {
    if (errno == ENOENT) return std::vector<std::string>();  // it was taken away
    return machine_fault("list a folder", errno);
  }
  const std::unique_ptr<DIR, CloseFolder> opened(fdopendir(again));
  if (!opened) {
    const int cause = errno;
    close(again);
    return machine_fault("list a folder", cause);
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(opened.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return machine_fault("list a folder", errno);
  return names;
}

Result<WalkedPath> walk(int root, const ObjectKey& key, Missing missing) {
  WalkedPath path;
  for (const std::string_view segment : base::split(key.view(), '/')) {
    path.names.emplace_back(segment);
  }
  path.name = std::move(path.names.back());
  path.names.pop_back();
  for (const std::string& name : path.names) {
    const int above = path.parent(root);
    FileDescriptor folder(openat(above, name.c_str(), kFolderFlags));
    if (!folder.open() && errno == ENOENT && missing == Missing::Make) {
      WEIR_CHECK(make_folder(above, name));
      folder = FileDescriptor(openat(above, name.c_str(), kFolderFlags));
    }
    if (!folder.open()) return folder_fault(above, name, key, missing);
    path.folders.push_back(std::move(folder));
  }
  return path;
}

Result<FileDescriptor> open_object(int root, const ObjectKey& key) {
  WEIR_TRY(const auto path, walk(root, key, Missing::Refuse));
  // O_NONBLOCK: a pipe that somebody put there must not hold us.
  FileDescriptor object(
      openat(path.parent(root), path.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!object.open()) {
    const int cause = errno;
    if (cause == ENOENT) return object_not_found(key);
    if (cause == ELOOP || cause == ENXIO) return path_unsafe(key.text());
    return machine_fault("open an object", cause);
  }
  struct stat facts{};
  if (fstat(object.number(), &facts) != 0) return machine_fault("look at an object", errno);
  if (S_ISDIR(facts.st_mode)) return object_not_found(key);
  if (!S_ISREG(facts.st_mode)) return path_unsafe(key.text());
  return object;
}

void prune(int root, const WalkedPath& path) {
  for (std::size_t at = path.folders.size(); at > 0; --at) {
    const int above = at == 1 ? root : path.folders[at - 2].number();
    if (unlinkat(above, path.names[at - 1].c_str(), AT_REMOVEDIR) != 0) return;
  }
}

void prune_below(int root, const ObjectPrefix& prefix) {
  const auto folder = open_prefix(root, prefix);
  if (folder.ok()) prune_folder(folder->number());
}

Result<ObjectPage> list_folder(int root, const ObjectPrefix& prefix, const ListOptions& options) {
  const auto folder = open_prefix(root, prefix);
  if (!folder.ok()) {
    if (folder.error().code() == Code::NotFound) return ObjectPage();
    return folder.error();
  }
  Lister lister(options);
  WEIR_CHECK(lister.visit(folder->number(), prefix.text()));
  return std::move(lister).finish();
}

}  // namespace weir::storage
