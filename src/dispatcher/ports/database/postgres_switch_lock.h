// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The switch lock of a DAG (contract section 6.1): an advisory lock that ends with its
/// transaction, one for all worlds. Whoever accepts events, claims tasks or writes ledgers of a DAG
/// takes it shared; whoever changes what is current takes it exclusively, and sees all of their
/// work or none. Taken first in a transaction, in the order of (organisation, name).
///
/// $1 and $2 are text[] of the same length: the organisations' ids in lower case, and the names of
/// the DAGs.
namespace weir::dispatcher {

inline constexpr const char* kLockSwitchExclusiveSql =
    "SELECT count(pg_advisory_xact_lock(hashtextextended('weir dag ' || o || '/' || d, 0)))"
    " FROM (SELECT o, d FROM unnest($1::text[], $2::text[]) AS u (o, d)"
    " GROUP BY o, d ORDER BY o COLLATE \"C\", d COLLATE \"C\") AS dags";

inline constexpr const char* kLockSwitchSharedSql =
    "SELECT count(pg_advisory_xact_lock_shared(hashtextextended('weir dag ' || o || '/' || d, 0)))"
    " FROM (SELECT o, d FROM unnest($1::text[], $2::text[]) AS u (o, d)"
    " GROUP BY o, d ORDER BY o COLLATE \"C\", d COLLATE \"C\") AS dags";

}  // namespace weir::dispatcher
