// SPDX-License-Identifier: Apache-2.0
#include "cli/console/text_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "cli/console/limits.h"
#include "drivers/files/durable_file.h"

namespace weir::cli {
namespace {

std::string errno_text() { return std::generic_category().message(errno); }

Error unwritable(const std::filesystem::path& path) {
  return base::unavailable("file_unwritable", path.string() + ": " + errno_text());
}

}  // namespace

Result<std::string> read_text_file(const std::string& path) {
  const bool standard_input = path == "-";
  const int fd = standard_input ? STDIN_FILENO : open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return base::not_found("file_unreadable", errno_text());
  std::string text;
  std::array<char, 65536> block{};
  ssize_t count = 0;
  while (text.size() <= kFileBytesMax) {
    count = read(fd, block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(block.data(), static_cast<std::size_t>(count));
  }
  const std::string why = count < 0 ? errno_text() : std::string();
  if (!standard_input) close(fd);
  if (!why.empty()) return base::not_found("file_unreadable", why);
  if (text.size() > kFileBytesMax) {
    return Error(Code::ResourceExhausted, "file_too_large",
                 "it has more than " + std::to_string(kFileBytesMax >> 20) + " MiB");
  }
  return text;
}

Result<void> write_text_file(const std::filesystem::path& path, const std::string& text) {
  std::string temporary = path.string() + ".XXXXXX";
  const int fd = mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0) return unwritable(path);
  constexpr mode_t kMode = 0644;
  const bool written = fchmod(fd, kMode) == 0 && files::write_durably(fd, text);
  const Error fault = unwritable(path);
  close(fd);
  if (written && rename(temporary.c_str(), path.c_str()) == 0) return {};
  const Error failed = written ? unwritable(path) : fault;
  unlink(temporary.c_str());
  return failed;
}

}  // namespace weir::cli
