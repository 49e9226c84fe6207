// SPDX-License-Identifier: Apache-2.0
#include "storage/byte_source.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

namespace weir::storage {

Result<std::size_t> TextSource::read(std::span<char> into) {
  const std::string_view piece = bytes_.substr(at_, into.size());
  std::ranges::copy(piece, into.begin());
  at_ += piece.size();
  return piece.size();
}

Result<void> TextSource::rewind() {
  at_ = 0;
  return {};
}

Result<FileSource> FileSource::of(int descriptor) {
  struct stat facts{};
  if (fstat(descriptor, &facts) != 0 || !S_ISREG(facts.st_mode)) {
    return base::invalid_argument("source_unreadable", "what is to be put is no regular file");
  }
  return FileSource(descriptor, static_cast<std::uint64_t>(facts.st_size));
}

Result<std::size_t> FileSource::read(std::span<char> into) {
  ssize_t got = 0;
  do {
    got = pread(descriptor_, into.data(), into.size(), static_cast<off_t>(at_));
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    return base::unavailable("source_unreadable",
                             std::string("read what is to be put: ") + std::strerror(errno));
  }
  at_ += static_cast<std::uint64_t>(got);
  return static_cast<std::size_t>(got);
}

Result<void> FileSource::rewind() {
  at_ = 0;
  return {};
}

}  // namespace weir::storage
