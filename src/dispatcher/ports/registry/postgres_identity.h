// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "dispatcher/core/ids.h"
#include "server/auth/user_token.h"
#include "server/auth/worker_token.h"

namespace weir::postgres {
class Connection;
class Pool;
}  // namespace weir::postgres

/// Rows about who may come in (contract section 3.1): what `weir up` makes on one machine, and what
/// the internal listener reads. All of it may be repeated, also by several processes at once.
namespace weir::dispatcher {

/// A worker token that a machine made for itself is good for this long; it is replaced by hand.
inline constexpr Duration kWorkerTokenLife = std::chrono::hours(24 * 3650);

/// The organisation of that slug, made if it is not there.
Result<OrgId> ensure_org(postgres::Connection& connection, std::string_view slug, Instant now,
                         Random& random);

/// The user as an admin of the organisation, made if there is no such row; a row that is there
/// stays as it is.
Result<void> ensure_admin(postgres::Connection& connection, const OrgId& org,
                          const auth::PrincipalKey& user, Instant now, Random& random);

/// Registers the digest of a worker token, for kWorkerTokenLife from now; one that is there stays.
Result<void> ensure_worker_token(postgres::Connection& connection, std::string_view name,
                                 const base::Digest& sha256, Instant now, Random& random);

/// All stored worker tokens, revoked ones too.
Result<std::vector<auth::StoredWorkerToken>> read_worker_tokens(postgres::Pool& pool);

/// A row of `audit_log` about a refused credential of a worker or a task.
Result<void> audit_denial(postgres::Pool& pool, std::string_view actor_kind,
                          std::string_view target, const std::optional<Uuid>& request_id,
                          std::string_view code);

}  // namespace weir::dispatcher
