// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "operators/failure.h"
#include "operators/tables/row_reader.h"

namespace weir::operators {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{256} << 10;

}  // namespace

Error source_invalid(std::string_view file, std::int64_t line, std::string_view what) {
  return fatal_error("source_invalid",
                     std::string(file) + ':' + std::to_string(line) + ": " + std::string(what));
}

FileBytes::FileBytes(int descriptor) : descriptor_(descriptor), buffer_(kBlockBytes) {}

Result<std::string_view> FileBytes::next() {
  ssize_t got = 0;
  do {
    got = pread(descriptor_, buffer_.data(), buffer_.size(), static_cast<off_t>(count_));
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    return retryable_error("source_unreadable", std::string("read: ") + std::strerror(errno));
  }
  const std::string_view bytes(buffer_.data(), static_cast<std::size_t>(got));
  hash_.update(bytes);
  count_ += bytes.size();
  return bytes;
}

}  // namespace weir::operators
