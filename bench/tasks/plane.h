// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/private_cluster.h"
#include "drivers/process/child_process.h"
#include "server/system_clock.h"

namespace weir::bench {

/// Seconds of the steady clock.
double seconds_now();

/// A task plane of this run in a folder of its own, gone when this is: `weir up`, or its
/// PostgreSQL alone, one after the other on the same data.
class Plane {
 public:
  static Result<std::unique_ptr<Plane>> create();
  ~Plane();
  Plane(const Plane&) = delete;
  Plane& operator=(const Plane&) = delete;

  /// Everything, with the extension operators of `operators.json` in the folder.
  Result<void> up(std::size_t slots);
  Result<void> down();
  /// PostgreSQL alone; after down().
  Result<void> start_database();
  Result<void> stop_database();
  /// The dispatcher alone over that database: seconds until it serves.
  Result<double> start_dispatcher();

  /// Runs the program under test with the words and gives what it said; a fault where it fails.
  Result<std::string> weir(std::vector<std::string> words);

  Result<std::unique_ptr<postgres::Connection>> superuser() const;
  /// Processor time of PostgreSQL, all its processes together.
  double database_seconds() const;
  std::string dsn() const { return dsn_of("weir"); }
  /// Writes a file of the folder and gives its path.
  std::string write(std::string_view name, std::string_view text) const;
  std::filesystem::path path(std::string_view name) const { return folder_ / name; }
  /// The processes of a role (`dispatcher`, `worker`), children of operators left out.
  std::vector<pid_t> processes(std::string_view role) const;

 private:
  explicit Plane(std::filesystem::path folder) : folder_(std::move(folder)) {}
  std::filesystem::path state() const { return folder_ / "state"; }
  std::string dsn_of(const std::string& role) const;

  std::filesystem::path folder_;
  weir::server::SystemClock clock_;
  std::unique_ptr<postgres::PrivateCluster> cluster_;
  bool up_ = false;
};

}  // namespace weir::bench
