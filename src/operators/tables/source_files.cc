// SPDX-License-Identifier: Apache-2.0
#include "operators/tables/source_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "base/text.h"
#include "operators/failure.h"
#include "operators/limits.h"
#include "operators/tables/source_path.h"

namespace weir::operators {
namespace {

using process::FileDescriptor;

Error path_invalid(const std::string& path, std::string_view what) {
  return fatal_error("path_invalid", path + ": " + std::string(what));
}

Error unreadable(const std::string& path, int cause) {
  return retryable_error("source_unreadable", path + ": " + std::strerror(cause));
}

FileLook look_of(const struct stat& facts) {
  return {.size = static_cast<std::uint64_t>(facts.st_size),
          .modified_ns = std::int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec,
          .device = facts.st_dev,
          .inode = facts.st_ino};
}

/// Opens a folder by its name in the one above; nothing if it is not there.
Result<FileDescriptor> open_folder(int above, const std::string& name, const std::string& path) {
  const int opened = openat(above, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (opened >= 0) return FileDescriptor(opened);
  if (errno == ENOENT) return FileDescriptor();
  if (errno == ELOOP || errno == ENOTDIR) return path_invalid(path, name + " is no plain folder");
  return unreadable(path, errno);
}

/// What a name is, without following a link and without opening it: a device may act when it is.
Result<std::optional<FileLook>> look_at(int folder, const std::string& name,
                                        const std::string& path) {
  struct stat facts{};
  if (fstatat(folder, name.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return std::optional<FileLook>();
    return unreadable(path, errno);
  }
  if (!S_ISREG(facts.st_mode)) return path_invalid(path, "no plain file");
  return std::optional<FileLook>(look_of(facts));
}

/// The names in a folder that match, sorted by their bytes.
Result<std::vector<std::string>> names_in(int folder, const std::string& pattern) {
  const int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return unreadable(pattern, errno);
  const auto close = [](DIR* listing) { closedir(listing); };
  const std::unique_ptr<DIR, decltype(close)> listing(fdopendir(copy), close);
  if (listing == nullptr) return unreadable(pattern, errno);
  std::vector<std::string> names;
  std::size_t seen = 0;
  errno = 0;
  while (const dirent* entry = readdir(listing.get())) {
    const std::string_view name = entry->d_name;
    if (++seen > kFolderEntriesMax) {
      return fatal_error("source_too_large", "the folder has too many entries");
    }
    if (name == "." || name == ".." || !matches(pattern, name)) continue;
    names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) return unreadable(pattern, errno);
  std::ranges::sort(names);
  return names;
}

bool is_printable(std::string_view name) {
  return base::is_utf8(name) && std::ranges::none_of(name, [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '\\';
         });
}

Result<void> check_bounds(const std::vector<SourceFile>& files) {
  std::uint64_t bytes = 0;
  for (const SourceFile& file : files) bytes += file.look.size;
  if (files.size() > kIngestFilesMax || bytes > kIngestBytesMax) {
    return fatal_error("source_too_large", std::to_string(files.size()) + " files of " +
                                               std::to_string(bytes) +
                                               " bytes; 1024 and 4 GiB are taken");
  }
  return {};
}

}  // namespace

Result<SourceFiles> SourceFiles::find(const std::string& root, std::string_view path) {
  WEIR_TRY(const auto segments, path_segments(path));
  SourceFiles found;
  // The root is the operator's word: it may be a link.
  FileDescriptor folder(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.open()) return unreadable("the root", errno);
  std::string above;
  for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
    WEIR_TRY(folder, open_folder(folder.number(), segments[i], above + segments[i]));
    if (!folder.open()) return found;
    above += segments[i] + '/';
  }
  std::vector<std::string> names = {segments.back()};
  if (names.front().find('*') != std::string::npos) {
    WEIR_TRY(names, names_in(folder.number(), segments.back()));
  }
  for (std::string& name : names) {
    if (!is_printable(name)) return path_invalid(above, "a file's name is no text");
    WEIR_TRY(const auto look, look_at(folder.number(), name, above + name));
    if (look)
      found.files_.push_back({.path = above + name, .name = std::move(name), .look = *look});
    if (found.files_.size() > kIngestFilesMax) break;
  }
  WEIR_CHECK(check_bounds(found.files_));
  found.folder_ = std::move(folder);
  return found;
}

Result<FileDescriptor> SourceFiles::open(const SourceFile& file) const {
  // Not blocking: if the name has become a pipe since, nobody may ever write into it.
  const int opened = openat(folder_.number(), file.name.c_str(),
                            O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (opened < 0) {
    if (errno == ELOOP) return path_invalid(file.path, "no plain file");
    if (errno == ENOENT) return retryable_error("source_changed", file.path + " is gone");
    return unreadable(file.path, errno);
  }
  FileDescriptor descriptor(opened);
  WEIR_CHECK(check_unchanged(file, opened));
  return descriptor;
}

Result<void> check_unchanged(const SourceFile& file, int descriptor) {
  struct stat facts{};
  if (fstat(descriptor, &facts) != 0) return unreadable(file.path, errno);
  if (S_ISREG(facts.st_mode) && look_of(facts) == file.look) return {};
  return retryable_error("source_changed", file.path + " changed while it was read");
}

}  // namespace weir::operators
