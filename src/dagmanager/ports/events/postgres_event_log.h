// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "server/events/event_log.h"

namespace weir::postgres {
class Pool;
}  // namespace weir::postgres

namespace weir::dagmanager {

/// The control events that a PostgresControlBus has published. There is one stream, whatever it is
/// called. Faults: those of GraphStore.
class PostgresEventLog final : public server::EventLog {
 public:
  /// As PostgresControlBus.
  PostgresEventLog(postgres::Pool& pool, std::string queue_topic)
      : pool_(pool), queue_topic_(std::move(queue_topic)) {}

  Result<server::EventPage> read(const std::string& stream, std::int64_t after,
                                 std::size_t limit) override;

 private:
  postgres::Pool& pool_;
  std::string queue_topic_;
};

}  // namespace weir::dagmanager
