// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.h"

namespace weir::duckdb {

/// What the engine says as an Error: its first line, as engine.h lists them. `type` is the engine's
/// number of the error; `message` may be null.
Error fault_of(int type, const char* message);

/// The same where the engine gives a text alone, which begins with the error's name.
Error fault_of_message(const char* message);

}  // namespace weir::duckdb
