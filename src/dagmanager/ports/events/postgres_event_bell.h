// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <memory>
#include <thread>

#include "base/mutex.h"
#include "dagmanager/ports/control_bus.h"
#include "drivers/postgres/connection.h"

namespace weir::postgres {
class Listener;
}  // namespace weir::postgres

namespace weir::dagmanager {

/// EventBell over PostgreSQL's NOTIFY, on a connection of its own: it hears of what any instance
/// commits. A lost connection is made anew, and then both are rung, since nobody listened.
class PostgresEventBell final : public EventBell {
 public:
  explicit PostgresEventBell(postgres::ConnectOptions options) : options_(std::move(options)) {}
  ~PostgresEventBell() override;
  PostgresEventBell(const PostgresEventBell&) = delete;
  PostgresEventBell& operator=(const PostgresEventBell&) = delete;

  void start(Calls calls) override;
  void stop() override;

 private:
  void run();
  void listen(postgres::Listener& listener) const;
  /// False if the bell stops meanwhile.
  bool pause(Duration time);
  bool stopping();

  const postgres::ConnectOptions options_;
  Calls calls_;
  int wake_ = -1;  // an eventfd, readable once the bell stops
  base::Mutex mutex_;
  base::CondVar changed_;
  bool stopping_ WEIR_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace weir::dagmanager
