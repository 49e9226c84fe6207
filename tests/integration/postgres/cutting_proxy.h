// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>

namespace weir::postgres {

/// Stands between one client and the server on a Unix socket, passes bytes on, and on demand loses
/// the server's next reply: what the client sent has arrived and was carried out, the answer never
/// comes, both connections break.
class CuttingProxy {
 public:
  /// `dsn` names the server, a socket folder as its host.
  explicit CuttingProxy(const std::string& dsn);
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  /// The same database through the proxy.
  std::string dsn() const;

  void lose_next_reply() { lose_ = true; }

 private:
  void serve();

  std::string server_dsn_;
  std::string server_folder_;
  std::filesystem::path folder_;
  int listener_ = -1;
  std::atomic<bool> lose_ = false;
  std::thread thread_;
};

}  // namespace weir::postgres
