// SPDX-License-Identifier: Apache-2.0
#include "server/auth/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "drivers/files/durable_file.h"
#include "drivers/process/file_descriptor.h"
#include "server/auth/crypto.h"
#include "server/auth/limits.h"

namespace weir::auth {
namespace {

std::string errno_text() { return std::generic_category().message(errno); }

/// The permission bits as `chmod` takes them, four octal digits.
std::string octal(mode_t mode) {
  std::string digits;
  for (int shift = 9; shift >= 0; shift -= 3) {
    digits += static_cast<char>('0' + ((mode >> shift) & 7U));
  }
  return digits;
}

Result<void> check_kept(const struct stat& found, const std::string& path) {
  if (!S_ISREG(found.st_mode)) {
    return base::invalid_argument("file_invalid", path + " is no plain file");
  }
  if (found.st_uid != geteuid() && found.st_uid != 0) {
    return base::failed_precondition("file_exposed",
                                     path + " belongs to another user; mend it with: chown " +
                                         std::to_string(geteuid()) + " " + path);
  }
  if ((found.st_mode & 077U) != 0) {
    return base::failed_precondition(
        "file_exposed", path + " has mode " + octal(found.st_mode & 07777U) +
                            ", so others reach the secret in it; mend it with: chmod 0400 " + path);
  }
  return {};
}

enum class Naming : std::uint8_t { Replace, MustBeNew };

Result<void> write_file(const std::filesystem::path& path, const server::Secret& content,
                        mode_t mode, Naming naming) {
  const auto unwritable = [&path] {
    if (errno == EEXIST) {
      return Error(Code::AlreadyExists, "file_exists", path.string() + " is there already");
    }
    return base::unavailable("file_unwritable", path.string() + ": " + errno_text());
  };
  std::string temporary = path.string() + ".XXXXXX";
  const process::FileDescriptor file(mkostemp(temporary.data(), O_CLOEXEC));  // made with mode 0600
  if (!file.open()) return unwritable();
  const unsigned flags = naming == Naming::MustBeNew ? RENAME_NOREPLACE : 0;
  if (files::write_durably(file.number(), content.reveal()) && fchmod(file.number(), mode) == 0 &&
      renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), flags) == 0) {
    return files::sync_folder_of(path) ? Result<void>() : unwritable();
  }
  Error fault = unwritable();
  unlink(temporary.c_str());
  return fault;
}

}  // namespace

Result<void> write_secret_file(const std::filesystem::path& path, const server::Secret& content,
                               mode_t mode) {
  return write_file(path, content, mode, Naming::Replace);
}

Result<void> place_secret_file(const std::filesystem::path& path, const server::Secret& content,
                               mode_t mode) {
  return write_file(path, content, mode, Naming::MustBeNew);
}

Result<server::Secret> read_secret_file(const std::filesystem::path& path) {
  const auto unreadable = [&path] {
    return base::unavailable("file_unreadable", path.string() + ": " + errno_text());
  };
  // A pipe must not keep us waiting before it is seen to be one.
  const process::FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.open() && errno == ENOENT) {
    return base::not_found("file_missing", path.string() + " is not there");
  }
  struct stat found{};
  if (!file.open() || fstat(file.number(), &found) != 0) return unreadable();
  WEIR_CHECK(check_kept(found, path.string()));
  std::string text;
  std::array<char, 4096> block{};
  ssize_t count = 1;
  while (count != 0 && text.size() <= kSecretFileBytesMax) {
    count = read(file.number(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return unreadable();
    text.append(block.data(), static_cast<std::size_t>(count));
  }
  std::string_view content = text;
  if (content.ends_with('\n')) content.remove_suffix(1);
  const bool fits = !content.empty() && text.size() <= kSecretFileBytesMax;
  server::Secret secret{std::string(fits ? content : std::string_view())};
  wipe(text);
  if (!fits) {
    return base::invalid_argument("file_invalid",
                                  path.string() + " is empty, or longer than 64 KiB");
  }
  return secret;
}

}  // namespace weir::auth
