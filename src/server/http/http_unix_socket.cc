// SPDX-License-Identifier: Apache-2.0
#include "server/http/http_unix_socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "server/limits.h"

namespace weir::server {
namespace {

using process::FileDescriptor;

Error failed(const std::string& path, const std::string& why) {
  return base::unavailable("listen_failed", "listen on unix:" + path + ": " + why);
}

std::string errno_text() { return std::strerror(errno); }

std::string lock_path(const std::string& path) { return path + ".lock"; }

/// True if the descriptor is of the file that has the name now.
bool is_named(int file, const std::string& path) {
  struct stat held = {};
  struct stat named = {};
  return fstat(file, &held) == 0 && stat(path.c_str(), &named) == 0 &&
         held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

/// The lock on a path. Who removes a lock file holds it, so one that has its name is the lock.
Result<FileDescriptor> take_lock(const std::string& path) {
  const std::string name = lock_path(path);
  for (int attempt = 0; attempt < kHttpSocketTriesMax; ++attempt) {
    FileDescriptor lock(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!lock.open()) return failed(path, errno_text());
    if (flock(lock.number(), LOCK_EX | LOCK_NB) != 0) {
      return failed(path, errno == EWOULDBLOCK ? "another process listens there" : errno_text());
    }
    if (is_named(lock.number(), name)) return lock;
  }
  return failed(path, "others come and go there");
}

/// What the kernel takes for a path; its length was checked.
sockaddr_un address_of(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(static_cast<char*>(address.sun_path), sizeof(address.sun_path) - 1);
  return address;
}

FileDescriptor new_socket() {
  return FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/// Removes a socket file that nobody listens on. Whoever listens there did not take the lock.
Result<void> clear_stale(const std::string& path) {
  struct stat found = {};
  if (lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return failed(path, errno_text());
  }
  if (!S_ISSOCK(found.st_mode)) return failed(path, "a file is there that is no socket");
  const FileDescriptor probe = new_socket();
  if (!probe.open()) return failed(path, errno_text());
  const sockaddr_un address = address_of(path);
  const int connected =
      connect(probe.number(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  // EAGAIN is a full line in front of somebody who listens.
  if (connected == 0 || errno == EAGAIN) return failed(path, "another process listens there");
  if (errno != ECONNREFUSED && errno != ENOENT) return failed(path, errno_text());
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return failed(path, errno_text());
  return {};
}

}  // namespace

Result<HttpUnixSocket> HttpUnixSocket::open(std::string path, unsigned mode) {
  if (path.size() >= sizeof(sockaddr_un::sun_path) || path.find('\0') != std::string::npos) {
    return failed(path, "a path of a Unix socket has at most 107 bytes");
  }
  const std::string folder = std::filesystem::path(path).parent_path().string();
  if (!folder.empty() && mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return failed(path, "make " + folder + ": " + errno_text());
  }
  WEIR_TRY(FileDescriptor lock, take_lock(path));
  HttpUnixSocket opened(std::move(path), std::move(lock));
  WEIR_CHECK(opened.bind(mode));
  return opened;
}

Result<void> HttpUnixSocket::bind(unsigned mode) {
  WEIR_CHECK(clear_stale(path_));
  socket_ = new_socket();
  if (!socket_.open()) return failed(path_, errno_text());
  // The file is made with the rights of its socket, less the umask: never wider than asked for.
  if (fchmod(socket_.number(), static_cast<mode_t>(mode)) != 0) return failed(path_, errno_text());
  const sockaddr_un address = address_of(path_);
  if (::bind(socket_.number(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    return failed(path_, errno_text());
  }
  struct stat made = {};
  if (lstat(path_.c_str(), &made) != 0) return failed(path_, errno_text());
  bound_ = true;
  device_ = made.st_dev;
  inode_ = made.st_ino;
  if (chmod(path_.c_str(), static_cast<mode_t>(mode)) != 0) return failed(path_, errno_text());
  if (listen(socket_.number(), SOMAXCONN) != 0) return failed(path_, errno_text());
  return {};
}

HttpUnixSocket& HttpUnixSocket::operator=(HttpUnixSocket&& other) noexcept {
  if (this == &other) return *this;
  remove();
  path_ = std::move(other.path_);
  lock_ = std::move(other.lock_);
  socket_ = std::move(other.socket_);
  bound_ = std::exchange(other.bound_, false);
  device_ = other.device_;
  inode_ = other.inode_;
  return *this;
}

HttpUnixSocket::~HttpUnixSocket() { remove(); }

void HttpUnixSocket::remove() {
  if (!lock_.open()) return;
  struct stat named = {};
  if (bound_ && lstat(path_.c_str(), &named) == 0 && named.st_dev == device_ &&
      named.st_ino == inode_) {
    static_cast<void>(unlink(path_.c_str()));
  }
  static_cast<void>(unlink(lock_path(path_).c_str()));
  lock_ = FileDescriptor();
}

}  // namespace weir::server
