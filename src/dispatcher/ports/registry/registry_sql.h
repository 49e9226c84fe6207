// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "dispatcher/ports/registry_reader.h"
#include "drivers/postgres/statement.h"

/// The statements of the registry's reader. Parameters: $1 the organisation, $2 the world, then the
/// statement's own, in the order that its comment gives. Lists give item, number and text of its
/// key, and take the key behind which they begin and, last, how many rows; pictures give one item.
namespace weir::dispatcher::registry_sql {

/// $3 name behind which to begin, $4 rows.
const postgres::Statement& dag_list();
/// $3 name.
const postgres::Statement& dag_picture();
/// $3 DAG, $4 version_no below which to begin, $5 rows.
const postgres::Statement& version_list();
/// $3 DAG, $4 id.
const postgres::Statement& version_picture();
/// $3 DAG, $4 instant and $5 id behind which to begin, $6 rows.
const postgres::Statement& deploy_list();
/// $3 DAG, $4 id.
const postgres::Statement& deploy_picture();
/// Whether the DAG $3 is known.
const postgres::Statement& dag_exists();

/// $3 DAG, $4 `current`, `previous` or `candidate`; or $5, a pointer set's id.
const postgres::Statement& graph_picture();

/// $3 name behind which to begin, $4 rows.
const postgres::Statement& dataset_list();
/// $3 name.
const postgres::Statement& dataset_picture();
/// $3 name, $4 instant and $5 id behind which to begin, $6 rows.
const postgres::Statement& dataset_version_list();
/// $3 name, $4 version or NULL, $5 key behind which to begin, $6 prefix, $7 rows, $8 what follows
/// all keys of the prefix in the order of bytes, or NULL.
const postgres::Statement& partition_list();
/// Whether the name $3 is published, and $4, a version or NULL, is its dataset's.
const postgres::Statement& dataset_exists();

/// $3 DAG, $4 job.
const postgres::Statement& source_of();

/// $3 id; live and in history.
const postgres::Statement& task_picture();
/// A text of its own for each set of filters, so that the planner knows of states and absent
/// filters: $3 DAG, $4 job, $5 class, $6 kind, $7 root event, $8 instant and $9 id behind which to
/// begin, $10 rows.
std::string task_list(const TaskList& list);

/// $3 instant and $4 id behind which to begin, $5 rows.
const postgres::Statement& audit_list();

}  // namespace weir::dispatcher::registry_sql
