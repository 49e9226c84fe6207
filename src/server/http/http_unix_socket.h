// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "base/result.h"
#include "drivers/process/file_descriptor.h"

namespace weir::server {

/// The file of a Unix socket that listens. Of any number of processes that want one path, one has
/// it: it holds a lock on `<path>.lock` for as long as it lives, whatever ends it. The file of one
/// that ended without cleaning up is replaced; one that somebody listens on without the lock is
/// left alone. Not for use by two threads at once.
class HttpUnixSocket {
 public:
  /// Binds and listens. Makes the folder (0700) if it is missing. Fails with UNAVAILABLE
  /// `listen_failed`.
  static Result<HttpUnixSocket> open(std::string path, unsigned mode);
  HttpUnixSocket(HttpUnixSocket&&) noexcept = default;
  HttpUnixSocket(const HttpUnixSocket&) = delete;
  HttpUnixSocket& operator=(const HttpUnixSocket&) = delete;
  HttpUnixSocket& operator=(HttpUnixSocket&& other) noexcept;
  /// Removes the file, if it is still this one, and the lock.
  ~HttpUnixSocket();

  /// The listening socket, to be closed by who takes it.
  int release() { return socket_.release(); }

 private:
  HttpUnixSocket(std::string path, process::FileDescriptor lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  Result<void> bind(unsigned mode);
  void remove();

  std::string path_;
  process::FileDescriptor lock_;
  process::FileDescriptor socket_;
  bool bound_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace weir::server
