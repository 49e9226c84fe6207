// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "drivers/postgres/private_cluster.h"
#include "drivers/process/child_process.h"
#include "server/system_clock.h"

namespace weir::bench {

/// A server process of this run.
struct Server {
  std::unique_ptr<weir::process::ChildProcess> process;
  std::string address;
  int http_port = 0;  ///< of the program under test

  /// Resident memory in bytes.
  double resident() const;
  /// Processor time that it has used, in seconds.
  double processor_seconds() const;
};

/// The servers a run needs, on loopback, with throw-away data; all gone when this is.
class Rig {
 public:
  static Result<std::unique_ptr<Rig>> create();
  ~Rig();

  /// A fresh database, by its DSN.
  Result<std::string> make_database(const std::string& name);
  /// The program under test; `database` empty: in memory. A database is made fresh.
  Result<Server> start_weir(const std::string& name, const std::string& database);
  /// One more instance of it, on a database that another one has made.
  Result<Server> join_weir(const std::string& name, const std::string& database);
  Result<Server> start_floor();
  /// Lines of configuration for every server of the program that is started from now on.
  void configure(std::string lines) { lines_ = std::move(lines); }
  /// Where every server of the program that is started from now on, on a database, has its topics;
  /// without it they are in that database.
  void put_topics_at(std::string dsn) { topics_dsn_ = std::move(dsn); }
  /// Where the floor's chunks for a strategy are written.
  std::string chunks_folder() const { return (folder_ / "chunks").string(); }

  std::string dsn(const std::string& database) const { return cluster_->dsn(database); }
  /// Times the database has forced its log to disk since it began.
  Result<double> fsyncs();

 private:
  explicit Rig(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Result<void> start_postgres();
  Result<Server> start_on(const std::string& name, const std::string& dsn);
  Result<Server> spawn(const std::string& name, std::vector<std::string> argv, int port);

  std::filesystem::path folder_;
  std::string lines_;
  std::string topics_dsn_;
  weir::server::SystemClock clock_;
  std::unique_ptr<postgres::PrivateCluster> cluster_;
};

}  // namespace weir::bench
