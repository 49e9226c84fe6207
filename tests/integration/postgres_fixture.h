// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/clock.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/private_cluster.h"

namespace weir::test {

/// The real clock, for tests that run real servers.
Clock& real_clock();

/// How a test's own private server is made: without fsync, from a copy of files that are made once
/// a build folder, under `state_dir`.
postgres::PrivateClusterConfig test_cluster_config(const std::filesystem::path& state_dir);

/// The private PostgreSQL of this test process: started by the first call, stopped at exit, and by
/// the kernel if the process is killed. fsync is off; data lives in a temporary folder. Aborts the
/// process, with the reason on stderr, where no server can be started.
postgres::PrivateCluster& shared_cluster();

/// An empty database of the shared cluster, dropped by the destructor.
class FreshDatabase {
 public:
  explicit FreshDatabase(std::string name);
  ~FreshDatabase();
  FreshDatabase(const FreshDatabase&) = delete;
  FreshDatabase& operator=(const FreshDatabase&) = delete;

  const std::string& name() const { return name_; }
  /// For role `weir`, which owns the database.
  std::string dsn() const;
  std::string superuser_dsn() const;
  /// A connection as role `weir`; aborts if there is none to be had.
  std::unique_ptr<postgres::Connection> connect() const;

 private:
  std::string name_;
};

/// A new database; some 30 ms.
std::unique_ptr<FreshDatabase> fresh_database();

}  // namespace weir::test
