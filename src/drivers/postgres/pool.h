// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "drivers/postgres/connection.h"

namespace weir::postgres {

struct PoolOptions {
  ConnectOptions connect = {};
  std::size_t connections_max = kPoolConnections;
  /// Callers that may wait for a connection; further ones are refused at once.
  std::size_t waiters_max = kPoolWaiters;
  /// Asked before a connection is lent; its error is that of `acquire`. Empty: always.
  std::function<Result<void>()> admit = {};
  /// Told after each use whether the server was there: false if it could not be reached or the
  /// connection broke. Must not block nor use the pool.
  std::function<void(bool)> saw = {};
};

/// A bounded set of connections to one database, made when needed and kept. Safe to call from any
/// thread; starts none. Must outlive its leases.
///
/// A connection that was lost is dropped on its return, or when it is looked at before it is lent
/// again, so after a restart of the server callers get working connections at once.
class Pool {
 public:
  /// A borrowed connection, given back by the destructor. A transaction left open is rolled back.
  class Lease {
   public:
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&& other) noexcept;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease();

    Connection& operator*() const { return *connection_; }
    Connection* operator->() const { return connection_.get(); }

   private:
    friend class Pool;
    Lease(Pool& pool, std::unique_ptr<Connection> connection);
    void give_back();

    Pool* pool_;
    std::unique_ptr<Connection> connection_;
  };

  /// How the pool stands, for metrics.
  struct Counts {
    std::size_t idle = 0;
    std::size_t lent = 0;
    std::size_t waiting = 0;
    std::uint64_t connects = 0;  // Since the start; failed ones included.
    std::uint64_t dropped = 0;   // Since the start.
  };

  /// `clock` must outlive the pool.
  Pool(PoolOptions options, Clock& clock);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  /// A connection that works, waiting at most `timeout` for a free one; connecting takes at most
  /// the connect timeout on top. Fails with ResourceExhausted `postgres_pool_exhausted`, as
  /// Connection::connect, or as PoolOptions::admit.
  Result<Lease> acquire(Duration timeout) WEIR_EXCLUDES(mutex_);

  /// One round trip to the server, whatever PoolOptions::admit says: a probe.
  Result<void> ping(Duration timeout) WEIR_EXCLUDES(mutex_);

  Counts counts() const WEIR_EXCLUDES(mutex_);
  const ConnectOptions& connect_options() const { return options_.connect; }

 private:
  Result<Lease> lend(Duration timeout) WEIR_EXCLUDES(mutex_);
  void tell(bool there) const;
  Result<std::unique_ptr<Connection>> take_slot(Duration timeout) WEIR_EXCLUDES(mutex_);
  void free_slot(std::unique_ptr<Connection> connection) WEIR_EXCLUDES(mutex_);

  const PoolOptions options_;
  Clock& clock_;

  mutable base::Mutex mutex_;
  base::CondVar freed_;
  std::vector<std::unique_ptr<Connection>> idle_ WEIR_GUARDED_BY(mutex_);
  Counts counts_ WEIR_GUARDED_BY(mutex_);
};

}  // namespace weir::postgres
