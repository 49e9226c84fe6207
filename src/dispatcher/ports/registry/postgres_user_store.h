// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/ports/user_store.h"
#include "drivers/postgres/pool.h"

namespace weir::dispatcher {

/// Users, their log and kept answers in PostgreSQL. Each call is one round trip and one transaction
/// that names the organisation first; who asks is looked up over all of them. A call waits at most
/// kUserPoolWait for a connection. Instants are the database's.
class PostgresUserStore final : public UserStore {
 public:
  /// `pool` outlives the store; its sessions work as role weir_dispatcher.
  explicit PostgresUserStore(postgres::Pool& pool) : pool_(pool) {}

  Result<std::optional<Principal>> find_user(std::string_view issuer,
                                             std::string_view subject) override;
  Result<void> audit(const AuditEntry& entry) override;
  Result<Reservation> reserve(const RepeatKey& key, Duration hold) override;
  Result<KeptAnswer> keep(const RepeatKey& key, const KeptAnswer& answer, Duration span) override;
  Result<void> release(const RepeatKey& key) override;

 private:
  postgres::Pool& pool_;
};

}  // namespace weir::dispatcher
