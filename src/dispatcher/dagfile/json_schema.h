// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "dispatcher/dagfile/operator_registry.h"

namespace weir::dispatcher {

/// A JSON Schema (draft 2020-12) of DAG files for editors, out of the tables that the reader uses.
/// It passes every sound file, and tells of a faulty one what one place can tell: fields, types,
/// bounds, what an operator takes; edges, cycles and names it cannot see.
std::string dag_json_schema(const OperatorRegistry& operators);

}  // namespace weir::dispatcher
