// SPDX-License-Identifier: Apache-2.0
#include "drivers/files/durable_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "drivers/process/file_descriptor.h"

namespace weir::files {

bool write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool write_durably(int file, std::string_view bytes) {
  return write_all(file, bytes) && fsync(file) == 0;
}

bool sync_folder_of(const std::filesystem::path& path) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  const process::FileDescriptor opened(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return opened.open() && fsync(opened.number()) == 0;
}

}  // namespace weir::files
