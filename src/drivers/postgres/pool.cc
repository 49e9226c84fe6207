// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/pool.h"

#include <string>
#include <utility>

#include "base/assert.h"
#include "base/error.h"

namespace weir::postgres {

Pool::Lease::Lease(Pool& pool, std::unique_ptr<Connection> connection)
    : pool_(&pool), connection_(std::move(connection)) {}

Pool::Lease::Lease(Lease&& other) noexcept
    : pool_(std::exchange(other.pool_, nullptr)), connection_(std::move(other.connection_)) {}

Pool::Lease& Pool::Lease::operator=(Lease&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  pool_ = std::exchange(other.pool_, nullptr);
  connection_ = std::move(other.connection_);
  return *this;
}

Pool::Lease::~Lease() { give_back(); }

void Pool::Lease::give_back() {
  if (pool_ == nullptr) return;
  // Nobody waits any more for what is under way: the server ends it with the connection.
  if (connection_->started()) connection_.reset();
  // What stays open would hold locks for the next borrower; a failed rollback drops the connection.
  if (connection_ && connection_->usable() && connection_->in_transaction() &&
      !connection_->rollback().ok()) {
    connection_.reset();
  }
  if (connection_ && pool_->options_.saw) pool_->tell(connection_->usable());
  std::exchange(pool_, nullptr)->free_slot(std::move(connection_));
}

Pool::Pool(PoolOptions options, Clock& clock) : options_(std::move(options)), clock_(clock) {
  WEIR_ASSERT(options_.connections_max > 0);
}

Pool::~Pool() { WEIR_ASSERT(counts().lent == 0); }

Result<Pool::Lease> Pool::acquire(Duration timeout) {
  if (options_.admit) WEIR_CHECK(options_.admit());
  return lend(timeout);
}

void Pool::tell(bool there) const {
  if (options_.saw) options_.saw(there);
}

Result<Pool::Lease> Pool::lend(Duration timeout) {
  // The slot is ours from here; looking at the connection or making one happens unlocked.
  WEIR_TRY(auto connection, take_slot(timeout));
  while (connection && !connection->usable()) {
    const base::MutexLock lock(mutex_);
    ++counts_.dropped;
    connection.reset();
    if (idle_.empty()) break;
    connection = std::move(idle_.back());
    idle_.pop_back();
  }
  if (connection) return Lease(*this, std::move(connection));

  {
    const base::MutexLock lock(mutex_);
    ++counts_.connects;
  }
  auto made = Connection::connect(options_.connect);
  if (!made.ok()) {
    free_slot(nullptr);
    const Code code = made.error().code();
    if (code == Code::Unavailable || code == Code::DeadlineExceeded) tell(false);
    return std::move(made).error();
  }
  return Lease(*this, *std::move(made));
}

Result<void> Pool::ping(Duration timeout) {
  WEIR_TRY(const Lease lease, lend(timeout));
  WEIR_CHECK(lease->execute(std::string("SELECT 1")));
  return {};
}

Pool::Counts Pool::counts() const {
  const base::MutexLock lock(mutex_);
  Counts counts = counts_;
  counts.idle = idle_.size();
  return counts;
}

Result<std::unique_ptr<Connection>> Pool::take_slot(Duration timeout) {
  const std::string reason(kPoolExhausted);
  const base::MutexLock lock(mutex_);
  if (counts_.lent >= options_.connections_max) {
    if (counts_.waiting >= options_.waiters_max) {
      return Error(Code::ResourceExhausted, reason,
                   std::to_string(counts_.waiting) + " callers already wait for a connection");
    }
    ++counts_.waiting;
    const Duration deadline = clock_.monotonic() + timeout;
    while (counts_.lent >= options_.connections_max) {
      const Duration left = deadline - clock_.monotonic();
      if (left <= Duration::zero()) break;
      freed_.wait_for(mutex_, left);
    }
    --counts_.waiting;
    if (counts_.lent >= options_.connections_max) {
      return Error(Code::ResourceExhausted, reason,
                   "all " + std::to_string(options_.connections_max) +
                       " connections stayed lent for " + std::to_string(timeout.count()) + " us");
    }
  }
  ++counts_.lent;
  if (idle_.empty()) return std::unique_ptr<Connection>();
  // The one used last: its server process has the warmest caches.
  std::unique_ptr<Connection> connection = std::move(idle_.back());
  idle_.pop_back();
  return connection;
}

void Pool::free_slot(std::unique_ptr<Connection> connection) {
  std::unique_ptr<Connection> doomed;  // Closed after the lock is gone.
  {
    const base::MutexLock lock(mutex_);
    --counts_.lent;
    if (connection && connection->usable()) {
      idle_.push_back(std::move(connection));
    } else {
      if (connection) ++counts_.dropped;
      doomed = std::move(connection);
    }
  }
  freed_.notify_one();
}

}  // namespace weir::postgres
