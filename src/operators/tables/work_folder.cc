// SPDX-License-Identifier: Apache-2.0
#include "operators/tables/work_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "operators/failure.h"

namespace weir::operators {
namespace {

constexpr mode_t kFileMode = 0600;

Error machine_failed(std::string_view attempted, int cause) {
  std::string message = std::string(attempted) + ": " + std::strerror(cause);
  if (cause == ENOSPC || cause == EDQUOT) {
    return {Code::ResourceExhausted, "store_full", std::move(message)};
  }
  return retryable_error("machine_failed", std::move(message));
}

}  // namespace

Result<WorkFolder> WorkFolder::make(const std::string& above) {
  std::string path = (above.empty() ? "/tmp" : above) + "/weir-operator-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) return machine_failed("make a working folder", errno);
  return WorkFolder(std::move(path));
}

WorkFolder::~WorkFolder() {
  if (path_.empty()) return;
  std::error_code ignored;  // what is left behind is in a folder for temporary things
  std::filesystem::remove_all(path_, ignored);
}

WorkFolder::WorkFolder(WorkFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}

WorkFolder& WorkFolder::operator=(WorkFolder&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

Result<process::FileDescriptor> make_file(const std::string& path) {
  const int file =
      ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, kFileMode);
  if (file < 0) return machine_failed("make a working file", errno);
  return process::FileDescriptor(file);
}

Result<process::FileDescriptor> open_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
  if (file < 0) return machine_failed("open a working file", errno);
  return process::FileDescriptor(file);
}

Result<void> append_bytes(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return machine_failed("write a working file", errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace weir::operators
