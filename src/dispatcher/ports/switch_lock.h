// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The switch lock of a DAG (contract section 6.1), one for all its worlds: an advisory lock of the
/// transaction. Everything that writes tasks or events takes it shared, a cutover or a rollback
/// exclusively, before any row. Several are taken in the order of their keys.
///
/// The SQL of its key, given expressions for the organisation's id and the DAG's name:
///
///     "SELECT pg_advisory_xact_lock(" WEIR_SWITCH_LOCK_KEY("$1::uuid", "$2::text") ")"
#define WEIR_SWITCH_LOCK_KEY(org_id, dag_name) \
  "hashtextextended('weir switch ' || (" org_id ")::text || ' ' || (" dag_name "), 0)"
