// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "server/events/event_log.h"

namespace weir::postgres {
class Pool;
}

namespace weir::dispatcher {

/// The control events of each organisation, as the relay has published them (contract section
/// 3.5.2); a stream's name is the organisation's id. Faults as PostgreSQL has them.
class PostgresEventLog final : public server::EventLog {
 public:
  /// `pool` outlives it; its sessions work as role weir_dispatcher.
  explicit PostgresEventLog(postgres::Pool& pool) : pool_(pool) {}

  Result<server::EventPage> read(const std::string& stream, std::int64_t after,
                                 std::size_t limit) override;

 private:
  postgres::Pool& pool_;
};

}  // namespace weir::dispatcher
