// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dispatcher/dagfile/faults.h"
#include "dispatcher/dagfile/validate.h"

/// What a deploy asks of a file beyond validate_dag. Pure.
namespace weir::dispatcher {

/// validate_dag in mode Deploy, and what only carrying it out would find: a `direct` table whose
/// columns nobody knows (E_NOT_AVAILABLE at the operator), a zero character, which no database
/// keeps (E_VALUE).
ValidationReport check_file(std::string_view yaml, const ValidationContext& context);

/// The name that the file gives itself, if it can be read at all.
std::string name_in(std::string_view yaml);

/// Gives faults that name a path `jobs[i].name` their place in the text.
void place_faults(std::string_view yaml, std::vector<DagFault>& faults);

}  // namespace weir::dispatcher
