// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "base/random.h"
#include "dispatcher/core/task_words.h"
#include "dispatcher/ports/task_seed.h"
#include "drivers/postgres/pool.h"
#include "tests/integration/dispatcher/task_plane.h"

/// A database of the task plane filled from a TaskSeed, and what deploys, users and the mover do to
/// it. Everything here works as a superuser, whom no right, policy or trigger binds.
namespace weir::test {

/// Inserts what the seed describes: each DAG version is current in world `live`, its open builds
/// are those of its current pointer set, the others of another set of it.
void insert_seed(TaskPlane& plane, const dispatcher::TaskSeed& seed);

/// As MemoryTaskPlane's methods of the same names.
void set_dispatch(TaskPlane& plane, const dispatcher::BuildId& build, dispatcher::Dispatch dispatch,
                  dispatcher::CancelReason reason = dispatcher::CancelReason::Superseded);
void pause(TaskPlane& plane, const dispatcher::PauseSeed& pause);
void unpause(TaskPlane& plane, const dispatcher::PauseSeed& pause);
void archive(TaskPlane& plane, const dispatcher::TaskId& task);
void put_outbox(TaskPlane& plane, const dispatcher::OutboxRecord& row);

/// A pool of sessions that work as the role of the dispatcher; `dsn` is another way to the same
/// database, if given.
std::unique_ptr<postgres::Pool> dispatcher_pool(const TaskPlane& plane, std::string dsn = {});

/// Fails the test where a query of the auditor does not give 0.
void expect_clean_audit(TaskPlane& plane);

}  // namespace weir::test
