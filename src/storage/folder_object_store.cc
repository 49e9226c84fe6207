// SPDX-License-Identifier: Apache-2.0
#include "storage/folder_object_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <span>
#include <utility>

#include "base/crash_point.h"
#include "base/sha256.h"
#include "drivers/files/durable_file.h"
#include "storage/folder_paths.h"
#include "storage/limits.h"
#include "storage/store_faults.h"

namespace weir::storage {
namespace {

using process::FileDescriptor;

constexpr const char* kTemporaryFolder = ".tmp";
constexpr mode_t kObjectMode = 0600;

Error root_unusable(const char* what, int cause) {
  return base::failed_precondition("root_unusable",
                                   std::string(what) + ": " + std::strerror(cause));
}

/// Reads until `into` is full or the file ends.
Result<std::size_t> read_at(int file, std::span<char> into, std::uint64_t offset) {
  std::size_t got = 0;
  while (got < into.size()) {
    const ssize_t now =
        pread(file, into.data() + got, into.size() - got, static_cast<off_t>(offset + got));
    if (now < 0 && errno == EINTR) continue;
    if (now < 0) return machine_fault("read an object", errno);
    if (now == 0) break;
    got += static_cast<std::size_t>(now);
  }
  return got;
}

Result<std::string> sha256_of(int file) {
  base::Sha256 hash;
  std::string piece(kCopyBytes, '\0');
  for (std::uint64_t at = 0;;) {
    WEIR_TRY(const std::size_t got, read_at(file, piece, at));
    if (got == 0) return hash.finish_hex();
    hash.update(std::string_view(piece).substr(0, got));
    at += got;
  }
}

}  // namespace

/// A temporary file under its writer's lock; taken away unless it got its name.
struct FolderObjectStore::Temporary {
  Temporary(int folder_number, std::string file_name, FileDescriptor opened)
      : folder(folder_number), name(std::move(file_name)), file(std::move(opened)) {}
  Temporary(Temporary&& other) noexcept
      : folder(std::exchange(other.folder, -1)),
        name(std::move(other.name)),
        file(std::move(other.file)) {}
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;
  Temporary& operator=(Temporary&&) = delete;
  ~Temporary() {
    if (folder >= 0) unlinkat(folder, name.c_str(), 0);
  }

  int folder;
  std::string name;
  FileDescriptor file;
};

Result<std::unique_ptr<FolderObjectStore>> FolderObjectStore::open(const StorageRoot& root,
                                                                   Random& random) {
  if (root.scheme() != StorageScheme::File) {
    return base::failed_precondition("root_unusable", "the object root is no folder");
  }
  const char* const path = root.place().c_str();
  if (mkdir(path, kFolderMode) != 0 && errno != EEXIST) {
    return root_unusable("make the object root", errno);
  }
  FileDescriptor folder(::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.open()) return root_unusable("open the object root", errno);
  if (mkdirat(folder.number(), kTemporaryFolder, kFolderMode) != 0 && errno != EEXIST) {
    return root_unusable("write in the object root", errno);
  }
  FileDescriptor temporary(
      openat(folder.number(), kTemporaryFolder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!temporary.open()) return root_unusable("open .tmp in the object root", errno);
  if (fsync(folder.number()) != 0) return root_unusable("sync the object root", errno);
  std::unique_ptr<FolderObjectStore> store(
      new FolderObjectStore(root, std::move(folder), std::move(temporary), random));
  WEIR_CHECK(store->clean());
  return store;
}

Result<FolderObjectStore::Temporary> FolderObjectStore::make_temporary() {
  for (int tries = 0; tries < kTemporaryNamesMax; ++tries) {
    std::array<char, 17> name{};
    std::snprintf(name.data(), name.size(), "%016llx",
                  static_cast<unsigned long long>(random_.next()));
    FileDescriptor file(openat(temporary_.number(), name.data(),
                               O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kObjectMode));
    if (!file.open() && errno == EEXIST) continue;
    if (!file.open()) return machine_fault("make a temporary file", errno);
    Temporary made(temporary_.number(), name.data(), std::move(file));
    // Between these two calls `clean` may have taken the file for an orphan's.
    struct stat facts{};
    if (flock(made.file.number(), LOCK_EX | LOCK_NB) != 0) continue;
    if (fstat(made.file.number(), &facts) == 0 && facts.st_nlink == 1) return made;
  }
  return base::unavailable("store_unavailable", "no temporary file could be had");
}

Result<ObjectStat> FolderObjectStore::fill(const Temporary& temporary, ByteSource& source,
                                           const PutOptions& options) const {
  WEIR_CHECK(source.rewind());
  base::Sha256 hash;
  ObjectStat stat;
  std::string piece(std::min<std::uint64_t>(kCopyBytes, source.size() + 1), '\0');
  while (true) {
    WEIR_TRY(const std::size_t got, source.read(piece));
    if (got == 0) break;
    const std::string_view bytes = std::string_view(piece).substr(0, got);
    hash.update(bytes);
    stat.size += got;
    if (!files::write_all(temporary.file.number(), bytes)) {
      return machine_fault("write an object", errno);
    }
    WEIR_CRASH_POINT("object_half_written");
  }
  stat.sha256 = hash.finish_hex();
  if (stat.size != source.size() || (!options.sha256.empty() && options.sha256 != stat.sha256)) {
    return base::invalid_argument("source_changed", "the bytes are not the announced ones");
  }
  if (fsync(temporary.file.number()) != 0) return machine_fault("sync an object", errno);
  WEIR_CRASH_POINT("object_written");
  return stat;
}

Result<void> FolderObjectStore::confirm_same(const ObjectKey& key, const ObjectStat& stat) {
  WEIR_TRY(const auto there, this->stat(key, Checksum::Read));
  if (there.size != stat.size || there.sha256 != stat.sha256) return object_exists(key);
  return {};
}

Result<void> FolderObjectStore::publish(const Temporary& temporary, const ObjectKey& key,
                                        Existing existing, const ObjectStat& stat) {
  WEIR_TRY(const auto path, walk(folder_.number(), key, Missing::Make));
  const int parent = path.parent(folder_.number());
  const char* const name = path.name.c_str();
  struct stat facts{};
  if (fstatat(parent, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(facts.st_mode)) {
    return S_ISDIR(facts.st_mode) ? key_conflict(key) : path_unsafe(key.text());
  }
  const unsigned flags = existing == Existing::Refuse ? RENAME_NOREPLACE : 0U;
  int done = renameat2(temporary.folder, temporary.name.c_str(), parent, name, flags);
  if (done != 0 && errno == EINVAL) {  // a file system without RENAME_NOREPLACE
    done = linkat(temporary.folder, temporary.name.c_str(), parent, name, 0);
  }
  if (done != 0) {
    const int cause = errno;
    if (cause == ENOENT) return base::unavailable("folder_vanished", "a folder was taken away");
    if (cause == EISDIR || cause == ENOTDIR) return key_conflict(key);
    if (cause != EEXIST) return machine_fault("name an object", cause);
    WEIR_CHECK(confirm_same(key, stat));
  }
  WEIR_CRASH_POINT("object_named");
  if (fsync(parent) != 0) return machine_fault("sync a folder", errno);
  return {};
}

Result<ObjectStat> FolderObjectStore::put(const ObjectKey& key, ByteSource& source,
                                          const PutOptions& options) {
  WEIR_TRY(const auto temporary, make_temporary());
  WEIR_TRY(auto stat, fill(temporary, source, options));
  for (int tries = 0; tries < kPutTriesMax; ++tries) {
    auto published = publish(temporary, key, options.existing, stat);
    if (published.ok()) return stat;
    const std::string& reason = published.error().reason();
    // A removal took the folder, or the object that was in the way, between two of our steps.
    if (reason == "folder_vanished" || reason == "object_not_found") continue;
    return std::move(published).error();
  }
  return base::unavailable("store_unavailable", "an object's folder is taken away again and again");
}

Result<std::string> FolderObjectStore::get(const ObjectKey& key, ByteRange range) {
  WEIR_CHECK(check_range(range));
  WEIR_TRY(const auto object, open_object(folder_.number(), key));
  struct stat facts{};
  if (fstat(object.number(), &facts) != 0) return machine_fault("look at an object", errno);
  const auto size = static_cast<std::uint64_t>(facts.st_size);
  if (range.offset >= size) return std::string();
  std::string bytes(std::min<std::uint64_t>(range.length, size - range.offset), '\0');
  WEIR_TRY(const std::size_t got, read_at(object.number(), bytes, range.offset));
  bytes.resize(got);
  return bytes;
}

Result<ObjectStat> FolderObjectStore::stat(const ObjectKey& key, Checksum checksum) {
  WEIR_TRY(const auto object, open_object(folder_.number(), key));
  struct stat facts{};
  if (fstat(object.number(), &facts) != 0) return machine_fault("look at an object", errno);
  ObjectStat stat{.size = static_cast<std::uint64_t>(facts.st_size)};
  if (checksum == Checksum::Read) {
    WEIR_TRY(stat.sha256, sha256_of(object.number()));
  }
  return stat;
}

Result<ObjectPage> FolderObjectStore::list(const ObjectPrefix& prefix, const ListOptions& options) {
  WEIR_CHECK(check_page(options.limit));
  return list_folder(folder_.number(), prefix, options);
}

Result<void> FolderObjectStore::remove(const ObjectKey& key) {
  const auto path = walk(folder_.number(), key, Missing::Refuse);
  if (!path.ok()) {
    if (path.error().code() == Code::NotFound) return {};
    return path.error();
  }
  const int parent = path->parent(folder_.number());
  if (unlinkat(parent, path->name.c_str(), 0) != 0) {
    if (errno == ENOENT || errno == EISDIR) return {};
    return machine_fault("remove an object", errno);
  }
  if (fsync(parent) != 0) return machine_fault("sync a folder", errno);
  prune(folder_.number(), *path);
  return {};
}

Result<RemovedObjects> FolderObjectStore::remove_prefix(const ObjectPrefix& prefix,
                                                        std::size_t limit) {
  WEIR_CHECK(check_page(limit));
  WEIR_TRY(const auto page, list(prefix, {.after = {}, .limit = limit}));
  RemovedObjects removed;
  for (const ListedObject& object : page.objects) {
    WEIR_CHECK(remove(object.key));
    ++removed.removed;
  }
  removed.done = page.next_after.empty();
  if (removed.done) prune_below(folder_.number(), prefix);
  return removed;
}

Result<void> FolderObjectStore::ping() {
  WEIR_CHECK(make_temporary());
  return {};
}

Result<std::size_t> FolderObjectStore::clean() {
  WEIR_TRY(const auto names, names_in(temporary_.number()));
  std::size_t cleaned = 0;
  for (const std::string& name : names) {
    const FileDescriptor file(
        openat(temporary_.number(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (!file.open() || flock(file.number(), LOCK_EX | LOCK_NB) != 0) continue;  // gone, or at work
    if (unlinkat(temporary_.number(), name.c_str(), 0) == 0) ++cleaned;
  }
  return cleaned;
}

}  // namespace weir::storage
