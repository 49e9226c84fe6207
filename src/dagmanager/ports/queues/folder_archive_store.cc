// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/queues/folder_archive_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "base/blake3.h"
#include "dagmanager/ports/queues/limits.h"
#include "drivers/files/durable_file.h"

namespace weir::dagmanager {
namespace {

Error archive_unavailable(const std::string& what, int fault) {
  return base::unavailable("archive_unavailable", what + ": " + std::strerror(fault));
}

Error name_illegal(const std::string& name) {
  return base::invalid_argument("name_illegal", "no object can be named \"" + name + "\"");
}

/// One step of a path.
std::string step_name(const std::string& step) {
  if (step.size() <= kArchiveFileNameMax) return step;
  constexpr std::size_t kHashBytes = 16;
  const std::string hash = base::blake3_hex(step, kHashBytes);
  return step.substr(0, kArchiveFileNameMax - hash.size() - 1) + '-' + hash;
}

/// A name's steps, cut at each '/', are folders, and the last one a file.
Result<std::filesystem::path> path_of(const std::string& name) {
  std::filesystem::path path;
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find('/', at), name.size());
    const std::string step = name.substr(at, end - at);
    const bool plain =
        std::ranges::all_of(step, [](char letter) { return letter > ' ' && letter < 0x7f; });
    if (step.empty() || step.front() == '.' || !plain) return name_illegal(name);
    path /= step_name(step);
    at = end + 1;
  }
  return path;
}

/// The folders of a path inside `folder`, so that they outlive a power cut.
Result<void> make_folders(const std::filesystem::path& folder, const std::filesystem::path& path) {
  std::filesystem::path made = folder;
  for (const std::filesystem::path& step : path.parent_path()) {
    made /= step;
    std::error_code fault;
    const bool fresh = std::filesystem::create_directory(made, fault);
    if (fault) return archive_unavailable(made, fault.value());
    if (fresh && !files::sync_folder_of(made)) return archive_unavailable(made, errno);
  }
  return {};
}

/// An open file, closed at the end.
class OpenFile {
 public:
  explicit OpenFile(int handle) : handle_(handle) {}
  ~OpenFile() {
    if (handle_ >= 0) ::close(handle_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int handle() const { return handle_; }

 private:
  int handle_;
};

class FolderWriter final : public ArchiveWriter {
 public:
  FolderWriter(std::filesystem::path path, int handle)
      : path_(std::move(path)), part_(path_.string() + ".part"), file_(handle) {}
  ~FolderWriter() override {
    if (!finished_) ::unlink(part_.c_str());
  }
  FolderWriter(const FolderWriter&) = delete;
  FolderWriter& operator=(const FolderWriter&) = delete;

  Result<void> append(std::string_view bytes) override {
    held_ += bytes;
    if (held_.size() < kArchivePieceBytes) return {};
    if (!files::write_all(file_.handle(), held_)) return archive_unavailable(part_, errno);
    held_.clear();
    return {};
  }

  Result<void> finish() override {
    if (!files::write_durably(file_.handle(), held_)) return archive_unavailable(part_, errno);
    if (::rename(part_.c_str(), path_.c_str()) != 0) return archive_unavailable(path_, errno);
    finished_ = true;
    if (!files::sync_folder_of(path_)) return archive_unavailable(path_, errno);
    return {};
  }

 private:
  const std::filesystem::path path_;
  const std::string part_;
  OpenFile file_;
  std::string held_;
  bool finished_ = false;
};

}  // namespace

Result<std::unique_ptr<FolderArchiveStore>> FolderArchiveStore::open(std::filesystem::path folder) {
  std::error_code fault;
  std::filesystem::create_directories(folder, fault);
  if (fault) return archive_unavailable(folder, fault.value());
  if (::access(folder.c_str(), R_OK | W_OK | X_OK) != 0) return archive_unavailable(folder, errno);
  if (!files::sync_folder_of(folder)) return archive_unavailable(folder, errno);
  return std::unique_ptr<FolderArchiveStore>(new FolderArchiveStore(std::move(folder)));
}

Result<std::unique_ptr<ArchiveWriter>> FolderArchiveStore::begin(const std::string& name) {
  WEIR_TRY(const std::filesystem::path inside, path_of(name));
  WEIR_CHECK(make_folders(folder_, inside));
  const std::filesystem::path path = folder_ / inside;
  const std::string part = path.string() + ".part";
  const int handle = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (handle < 0) return archive_unavailable(part, errno);
  return std::unique_ptr<ArchiveWriter>(std::make_unique<FolderWriter>(path, handle));
}

Result<void> FolderArchiveStore::read(const std::string& name,
                                      const std::function<Result<void>(std::string_view)>& take) {
  WEIR_TRY(const std::filesystem::path inside, path_of(name));
  const std::filesystem::path path = folder_ / inside;
  const OpenFile opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (opened.handle() < 0) {
    if (errno != ENOENT) return archive_unavailable(path, errno);
    return Error(Code::NotFound, "archive_missing", "there is no " + path.string());
  }
  std::vector<char> piece(kArchivePieceBytes);
  while (true) {
    const ssize_t got = ::read(opened.handle(), piece.data(), piece.size());
    if (got == 0) return {};
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return archive_unavailable(path, errno);
    WEIR_CHECK(take({piece.data(), static_cast<std::size_t>(got)}));
  }
}

/// A byte is written and is on the disk: a full one is found out too. No object has this name.
Result<void> FolderArchiveStore::ping() {
  const std::string probe = folder_ / ".probe";
  const OpenFile opened(::open(probe.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (opened.handle() < 0) return archive_unavailable(probe, errno);
  const bool written = files::write_durably(opened.handle(), ".");
  const int fault = errno;
  ::unlink(probe.c_str());
  if (!written) return archive_unavailable(probe, fault);
  return {};
}

}  // namespace weir::dagmanager
