// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/ports/memory/memory_task_tables.h"
#include "drivers/postgres/connection.h"

namespace weir::test {

/// The rows of a database of the task plane; fails the test where they cannot be read.
dispatcher::TaskTables read_tables(postgres::Connection& superuser);

}  // namespace weir::test
